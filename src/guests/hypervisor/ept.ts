/**
 * EPT: the second translation, from the guests' physical addresses to the machine's (SDM volume 3, 29.3). One
 * gigabyte, as it is, in pages of 2 MiB, but for a hole that is filled page by page as guests touch it.
 */

import { eax, ecx, type Label, mem, qword, rax, rbx, rcx, rdi } from "../assembler/assembler.js";
import { HOLE } from "./layout.js";
import type { Hypervisor } from "./program.js";

const READ = 1 << 0;
const WRITE = 1 << 1;
const EXECUTE = 1 << 2;
const WRITE_BACK = 6 << 3;
const LARGE_PAGE = 1 << 7;
/** EPTP: tables are write-back, walks have 4 levels (the field holds one less). */
const EPTP_FLAGS = 6 | (3 << 3);

/** Of the exit qualification of an EPT violation (SDM volume 3, table 28-7). */
const VIOLATION_WRITE = 1 << 1;

export interface Ept {
  /** The value of the VMCS field. */
  readonly pointer: ReturnType<Label["plus"]>;
  readonly build: () => void;
  readonly violation: Label;
}

export function ept(a: Hypervisor): Ept {
  const table = (name: string): Label => a.reserve(name, 4096, 4096);
  const [pml4, pdpt, directory, holeTable, spare] = [
    table("eptPml4"),
    table("eptPdpt"),
    table("eptDirectory"),
    table("eptHoleTable"),
    table("sparePage"),
  ];

  const build = (): void => {
    a.lea(rdi, mem(directory));
    a.mov(eax, READ | WRITE | EXECUTE | WRITE_BACK | LARGE_PAGE);
    a.xor(ecx, ecx);
    const next = a.here("nextEptPage");
    a.mov(qword({ base: rdi, index: rcx, scale: 8 }), rax);
    a.add(rax, 0x200000);
    a.inc(ecx);
    a.cmp(ecx, 512);
    a.jb(next);
    const link = (place: Label, index: number, target: Label): void => {
      a.lea(rax, mem(target));
      a.or(rax, READ | WRITE | EXECUTE);
      a.mov(qword(place, 8 * index), rax);
    };
    link(pml4, 0, pdpt);
    link(pdpt, 0, directory);
    link(directory, HOLE >> 21, holeTable);
    a.say("  EPT maps the first gigabyte as it is, but for a hole at ");
    a.mov(eax, HOLE);
    a.sayHex();
    a.say(".\n");
  };

  const violation = a.here("eptViolation");
  const outside = a.label("violationOutside");
  const write = a.label("violationWrite");
  const permission = a.label("violationPermission");
  a.readField("GUEST_PHYSICAL_ADDRESS");
  a.mov(rbx, rax);
  a.sub(rax, HOLE);
  a.cmp(rax, 0x200000);
  a.jae(outside);
  a.shr(rax, 12);
  a.lea(rdi, mem(holeTable));
  a.lea(rdi, mem({ base: rdi, index: rax, scale: 8 }));

  a.readField("EXIT_QUALIFICATION");
  a.test(eax, VIOLATION_WRITE);
  a.jnz(write);
  a.say("mapped a page to read at ");
  a.mov(ecx, READ);
  a.jmp(permission);
  a.bind(write);
  a.say("allowed writing to the page at ");
  a.mov(ecx, READ | WRITE);
  a.bind(permission);
  a.lea(rax, mem({ place: spare }));
  a.or(rax, WRITE_BACK);
  a.or(rax, rcx);
  // More rights than before need no INVEPT: the violation itself dropped what was cached for the address.
  a.mov(qword(rdi), rax);
  a.mov(rax, rbx);
  a.sayHex();
  a.jmp(a.resume);
  a.bind(outside);
  a.giveUp("there is nothing at this guest-physical address");

  return { pointer: pml4.plus(EPTP_FLAGS), build, violation };
}
