/**
 * A guest to be debugged: some 32-bit code, then 64-bit code that counts until it is told to end.
 */
import {
  al,
  cr0,
  cr3,
  cr4,
  dword,
  dx,
  eax,
  ecx,
  esp,
  type Label,
  mem,
  qword,
  rax,
  rbx,
  rcx,
  rdi,
} from "../guests/assembler/assembler.js";
import { smallGuest } from "../guests/small-guest.test.helper.js";

/** Written once by 32-bit code. */
export const MARK = 0x170000;
/** Counted up by 64-bit code. */
export const COUNTER = 0x170008;
/** Not 0: the guest ends with code 3 at the debug-exit port. */
export const END = 0x170010;
/** What 64-bit code's helpers write: FXSAVE. */
export const FX_AREA = 0x170200;
/** Present, and not in the page tables. */
export const UNMAPPED = 0x400000;
export const STACK = 0x180000;

const TABLES = 0x190000;
const CODE_SELECTOR = 8;
const EFER = 0xc000_0080;
const DEBUG_EXIT = 0xf4;
export const EXIT_CODE = 3;

/** The guest, and addresses of its instructions. */
export function debuggedGuest() {
  const places = new Map<string, Label>();
  const image = smallGuest((a) => {
    const here = (name: string) => void places.set(name, a.here(name));
    here("start");
    a.mov(esp, STACK);
    a.mov(eax, 0x11223344);
    here("mark");
    a.mov(dword(mem(MARK)), eax);
    here("marked");
    // 2 MiB as they are.
    for (let level = 0; level < 2; level++) {
      a.mov(dword(mem(TABLES + level * 0x1000)), TABLES + (level + 1) * 0x1000 + 3);
    }
    a.mov(dword(mem(TABLES + 0x2000)), 0x83);
    a.mov(eax, 0x220);
    a.mov(cr4, eax);
    a.mov(eax, TABLES);
    a.mov(cr3, eax);
    a.mov(ecx, EFER);
    a.rdmsr();
    a.or(eax, 0x100);
    a.wrmsr();
    a.mov(eax, cr0);
    a.or(eax, 0x80000000 | 0);
    a.mov(cr0, eax);
    const gdt = a.label("gdt");
    const pointer = a.label("pointer");
    const long = a.label("long");
    a.lgdt(mem(pointer));
    a.jmpFar(CODE_SELECTOR, long);
    a.align(8);
    a.bind(gdt);
    a.dq(0);
    a.dq(0x00af9b000000ffffn);
    a.bind(pointer);
    a.dw(15);
    a.dq(gdt);

    a.bits = 64;
    a.bind(long);
    here("long");
    a.mov(rax, 0x1122334455667788n);
    a.mov(rdi, FX_AREA);
    a.sub(rbx, rbx);
    here("count");
    a.inc(rbx);
    a.mov(qword(mem(COUNTER)), rbx);
    here("counted");
    a.push(rbx);
    a.pop(rcx);
    // FXSAVE [RDI]
    here("fxsave");
    a.db(0x0f, 0xae, 0x07);
    here("saved");
    a.cmp(dword(mem(END)), 0);
    a.je(places.get("count")!);
    a.mov(dx, DEBUG_EXIT);
    a.mov(al, EXIT_CODE);
    a.out(dx, al);
    const forever = a.here("forever");
    a.jmp(forever);
  });
  const at = (name: string): bigint => BigInt(places.get(name)!.address!);
  return { image, at };
}
