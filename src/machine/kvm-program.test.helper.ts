/**
 * The smallest user of KVM: a static Linux program, assembled here, that opens /dev/kvm and runs a guest of its own, 1000
 * VM exits to user space long. That guest counts in real-address mode, then in 32-bit protected mode with paging, so that
 * it needs an unrestricted guest, or KVM's virtual-8086 mode and its emulator (Linux, Documentation/virt/kvm/api.rst).
 */
import {
  Assembler,
  al,
  ax,
  cr0,
  cr3,
  cr4,
  ds,
  dword,
  eax,
  ecx,
  edi,
  edx,
  es,
  esi,
  type Label,
  mem,
  qword,
  r8d,
  r9d,
  r10d,
  r12d,
  r13,
  r14d,
  r15d,
  rax,
  rbx,
  rdi,
  rdx,
  rsi,
  ss,
  word,
} from "../guests/assembler/assembler.js";

/** What the program prints when its guest did all that it should. */
export const KVM_PROGRAM_WORKED = "1000 exits of KVM";

/** Of one half of the guest's run. */
const EXITS = 500;
const PORT = 0x80;

// --- the guest: 16 KiB at address 0 ---

const GUEST_MEMORY = 0x4000;
const GUEST_CODE = 0x1000;
const GUEST_DIRECTORY = 0x2000;
/** One of the numbers is also put here, through the page tables. */
const GUEST_CELL = 0x3000;

const CODE_SELECTOR = 8;
const DATA_SELECTOR = 16;
const FLAT_CODE = 0x00cf_9b00_0000_ffffn;
const FLAT_DATA = 0x00cf_9300_0000_ffffn;
const CR0_PE = 1;
const CR0_PG = 0x8000_0000;
const CR4_PSE = 0x10;
/** Present, writable, 4 MiB, from 0 on. */
const LARGE_PAGE = 0x83;

function guest(): Uint8Array {
  const a = new Assembler(GUEST_CODE, 16);
  const [gdt, gdtPointer, protectedMode] = [a.label("gdt"), a.label("gdtPointer"), a.label("protectedMode")];
  count(a);
  a.lgdt(mem(gdtPointer));
  a.mov(eax, cr0);
  a.or(al, CR0_PE);
  a.mov(cr0, eax);
  a.jmpFar(CODE_SELECTOR, protectedMode);

  a.bits = 32;
  a.bind(protectedMode);
  a.mov(ax, DATA_SELECTOR);
  for (const register of [ds, es, ss]) a.mov(register, ax);
  a.mov(dword(GUEST_DIRECTORY), LARGE_PAGE);
  a.mov(eax, GUEST_DIRECTORY);
  a.mov(cr3, eax);
  a.mov(eax, cr4);
  a.or(eax, CR4_PSE);
  a.mov(cr4, eax);
  a.mov(eax, cr0);
  a.or(eax, CR0_PG);
  a.mov(cr0, eax);
  a.mov(dword(GUEST_CELL), EXITS);
  count(a);
  a.hlt();

  a.align(8);
  a.bind(gdt);
  a.dq(0, FLAT_CODE, FLAT_DATA);
  a.bind(gdtPointer);
  a.dw(3 * 8 - 1);
  a.dd(gdt);
  return a.finish();
}

/** Writes EXITS .. 1 to the port: one VM exit each. */
function count(a: Assembler): void {
  a.mov(eax, EXITS);
  const again = a.here("again");
  a.out(PORT, eax);
  a.dec(eax);
  a.jnz(again);
}

// --- the program ---

const SYSCALL = { write: 1, open: 2, mmap: 9, ioctl: 16, exitGroup: 231 } as const;
const STANDARD_OUTPUT = 1;
const READ_WRITE = 2;
const PROTECTION_READ_WRITE = 3;
const MAP_SHARED = 1;
const MAP_SHARED_ANONYMOUS = 0x21;

const Kvm = {
  createVm: 0xae01,
  vcpuMapSize: 0xae04,
  createVcpu: 0xae41,
  setUserMemoryRegion: 0x4020_ae46,
  setTssAddress: 0xae47,
  run: 0xae80,
  setRegisters: 0x4090_ae82,
  getSystemRegisters: 0x8138_ae83,
  setSystemRegisters: 0x4138_ae84,
} as const;
/** Three pages that no memory of the guest uses; Intel's processors without unrestricted guests want them. */
const TSS_ADDRESS = 0xfffb_d000;

/** In struct kvm_run. */
const RUN = { exitReason: 8, ioPort: 34, ioDataOffset: 40 } as const;
const EXIT_IO = 2;
const EXIT_HLT = 5;
/** struct kvm_regs, struct kvm_sregs, struct kvm_userspace_memory_region. */
const REGISTERS = { length: 144, rip: 128, rflags: 136 } as const;
const SYSTEM_REGISTERS = { length: 312, csBase: 0, csSelector: 12 } as const;
const REGION_LENGTH = 32;

const ORIGIN = 0x40_0000;
const HEADERS = 0x78;

/** An ELF file. Its exit status is 0, or the number of the step that failed, counted from 1. */
export function kvmProgram(): Uint8Array {
  const a = new Assembler(ORIGIN + HEADERS, 64);
  let step = 0;
  const failed: Label[] = [];
  /** The step worked if the flags say so; otherwise its number is the exit status. */
  const check = (jump: (worked: Label) => void): void => {
    step++;
    const worked = a.label(`worked${step}`);
    jump(worked);
    a.mov(edi, step);
    const failure = a.label("failure");
    failed.push(failure);
    a.jmp(failure);
    a.bind(worked);
  };
  const call = (number: number): void => {
    a.mov(eax, number);
    a.syscall();
    a.test(rax, rax);
    check((worked) => a.jcc("ns", worked));
  };
  const ioctl = (file: typeof r12d, request: number, argument?: Label | number): void => {
    a.mov(edi, file);
    a.mov(esi, request);
    if (typeof argument === "number") a.mov(edx, argument);
    else if (argument !== undefined) a.lea(rdx, mem(argument));
    call(SYSCALL.ioctl);
  };
  const map = (flags: number, file: typeof r12d | undefined): void => {
    a.xor(edi, edi);
    a.mov(edx, PROTECTION_READ_WRITE);
    a.mov(r10d, flags);
    if (file === undefined) a.mov(r8d, -1);
    else a.mov(r8d, file);
    a.xor(r9d, r9d);
    call(SYSCALL.mmap);
  };
  const names = ["path", "text", "code", "registers", "systemRegisters", "region"] as const;
  const [path, text, code, registers, systemRegisters, region] = names.map((name) => a.label(name)) as [
    Label,
    Label,
    Label,
    Label,
    Label,
    Label,
  ];
  const program = guest();

  // R12 /dev/kvm, R14 the virtual machine, R15 its processor; R13 what the guest's writes add up to.
  a.lea(rdi, mem(path));
  a.mov(esi, READ_WRITE);
  call(SYSCALL.open);
  a.mov(r12d, eax);
  ioctl(r12d, Kvm.createVm, 0);
  a.mov(r14d, eax);
  ioctl(r14d, Kvm.setTssAddress, TSS_ADDRESS);

  a.mov(esi, GUEST_MEMORY);
  map(MAP_SHARED_ANONYMOUS, undefined);
  a.mov(qword(region, 16), GUEST_MEMORY);
  a.mov(qword(region, 24), rax);
  a.lea(rdi, mem(rax, GUEST_CODE));
  a.lea(rsi, mem(code));
  a.mov(ecx, program.length);
  a.rep().movsb();
  ioctl(r14d, Kvm.setUserMemoryRegion, region);

  ioctl(r14d, Kvm.createVcpu, 0);
  a.mov(r15d, eax);
  ioctl(r12d, Kvm.vcpuMapSize, 0);
  a.mov(esi, eax);
  map(MAP_SHARED, r15d);
  a.mov(rbx, rax);
  ioctl(r15d, Kvm.getSystemRegisters, systemRegisters);
  a.mov(qword(systemRegisters, SYSTEM_REGISTERS.csBase), 0);
  a.mov(word(systemRegisters, SYSTEM_REGISTERS.csSelector), 0);
  ioctl(r15d, Kvm.setSystemRegisters, systemRegisters);
  a.mov(qword(registers, REGISTERS.rip), GUEST_CODE);
  a.mov(qword(registers, REGISTERS.rflags), 2);
  ioctl(r15d, Kvm.setRegisters, registers);

  a.xor(r13, r13);
  const again = a.here("again");
  const halted = a.label("halted");
  ioctl(r15d, Kvm.run, 0);
  a.cmp(dword(rbx, RUN.exitReason), EXIT_HLT);
  a.jz(halted);
  a.cmp(dword(rbx, RUN.exitReason), EXIT_IO);
  check((worked) => a.jz(worked));
  a.cmp(word(rbx, RUN.ioPort), PORT);
  check((worked) => a.jz(worked));
  a.mov(rax, qword(rbx, RUN.ioDataOffset));
  a.mov(eax, dword({ base: rbx, index: rax }));
  a.add(r13, rax);
  a.jmp(again);

  a.bind(halted);
  a.cmp(r13, EXITS * (EXITS + 1));
  check((worked) => a.jz(worked));
  a.mov(rax, qword(region, 24));
  a.cmp(dword(rax, GUEST_CELL), EXITS);
  check((worked) => a.jz(worked));
  a.mov(edi, STANDARD_OUTPUT);
  a.lea(rsi, mem(text));
  a.mov(edx, KVM_PROGRAM_WORKED.length + 1);
  call(SYSCALL.write);
  a.xor(edi, edi);
  for (const failure of failed) a.bind(failure);
  a.mov(eax, SYSCALL.exitGroup);
  a.syscall();

  a.bind(path);
  a.asciz("/dev/kvm");
  a.bind(text);
  a.ascii(`${KVM_PROGRAM_WORKED}\n`);
  a.bind(code);
  a.db(...program);
  a.align(16);
  const space: readonly [Label, number][] = [
    [registers, REGISTERS.length],
    [systemRegisters, SYSTEM_REGISTERS.length],
    [region, REGION_LENGTH],
  ];
  for (const [label, length] of space) {
    a.bind(label);
    a.fill(length);
  }
  return executable(a.finish());
}

/** Wraps a program for Linux (System V ABI, "Object files"): class 64, one segment with all rights. */
function executable(program: Uint8Array): Uint8Array {
  const file = new Uint8Array(HEADERS + program.length);
  const view = new DataView(file.buffer);
  // Magic, class 64, little-endian, version 1; executable (2) for x86-64 (62), version 1.
  file.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  view.setUint16(16, 2, true);
  view.setUint16(18, 62, true);
  view.setUint32(20, 1, true);
  view.setBigUint64(24, BigInt(ORIGIN + HEADERS), true);
  view.setBigUint64(32, 64n, true);
  [64, 56, 1].forEach((value, index) => {
    view.setUint16(52 + 2 * index, value, true);
  });
  // PT_LOAD, read, write and execute.
  view.setUint32(64, 1, true);
  view.setUint32(68, 7, true);
  const words = [0, ORIGIN, ORIGIN, file.length, file.length, 0x1000];
  words.forEach((value, index) => {
    view.setBigUint64(72 + 8 * index, BigInt(value), true);
  });
  file.set(program, HEADERS);
  return file;
}
