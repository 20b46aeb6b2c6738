/**
 * Each instruction, read back by two decoders: iced-x86 prints it, and vt86's own accepts all of its bytes.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { DecodeResult, Decoder } from "../../isa/decode/decoder.js";
import { loadIced } from "../../isa/decode/oracle.js";
import { Instruction } from "../../isa/instruction.js";
import * as r from "./assembler.js";
import { Assembler, byte, dword, mem, qword, word } from "./assembler.js";

const iced = await loadIced();
const decoder = new Decoder("all");

const ORIGIN = 0x1000;

function disassemble(bits: 16 | 32 | 64, write: (a: Assembler) => void): string {
  const a = new Assembler(ORIGIN, bits);
  write(a);
  const code = a.finish();
  const own = new Instruction();
  assert.equal(decoder.decode(code, 0, code.length, bits, own), DecodeResult.Ok);
  assert.equal(own.length, code.length);
  const other = new iced.Decoder(bits, code, iced.DecoderOptions.None);
  other.ip = BigInt(ORIGIN);
  const decoded = other.decode();
  assert.equal(decoded.length, code.length);
  const formatter = new iced.Formatter(iced.FormatterSyntax.Intel);
  return formatter.format(decoded);
}

type Case = readonly [string, (a: Assembler) => void];

function check(bits: 16 | 32 | 64, cases: readonly Case[]): void {
  for (const [text, write] of cases) assert.equal(disassemble(bits, write), text);
}

describe("moves", () => {
  it("encodes MOV in all its forms", () => {
    check(64, [
      ["mov al,ah", (a) => a.mov(r.al, r.ah)],
      ["mov sil,r9b", (a) => a.mov(r.sil, r.r9b)],
      ["mov ax,r9w", (a) => a.mov(r.ax, r.r9w)],
      ["mov r15,rax", (a) => a.mov(r.r15, r.rax)],
      ["mov eax,12345678h", (a) => a.mov(r.rax, 0x12345678)],
      ["mov rax,0FFFFFFFFFFFFFFFFh", (a) => a.mov(r.rax, -1)],
      ["mov r8,123456789ABCDEFh", (a) => a.mov(r.r8, 0x123456789abcdefn)],
      ["mov r13b,5", (a) => a.mov(r.r13b, 5)],
      ["mov bx,0FFFFh", (a) => a.mov(r.bx, -1)],
      ["mov byte ptr [rax],80h", (a) => a.mov(byte(r.rax), 0x80)],
      ["mov word ptr [rax],1234h", (a) => a.mov(word(r.rax), 0x1234)],
      ["mov qword ptr [rax],0FFFFFFFFFFFFFFFFh", (a) => a.mov(qword(r.rax), -1)],
      ["mov rax,[rbx]", (a) => a.mov(r.rax, mem(r.rbx))],
      ["mov [rbx],cl", (a) => a.mov(mem(r.rbx), r.cl)],
      ["mov ds,ax", (a) => a.mov(r.ds, r.ax)],
      ["mov eax,cs", (a) => a.mov(r.eax, r.cs)],
      ["mov gs,[rax]", (a) => a.mov(r.gs, word(r.rax))],
      ["mov cr4,r9", (a) => a.mov(r.cr4, r.r9)],
      ["mov rax,cr2", (a) => a.mov(r.rax, r.cr2)],
      ["mov cr8,r10", (a) => a.mov(r.cr8, r.r10)],
      ["mov dr7,rax", (a) => a.mov(r.dr7, r.rax)],
    ]);
    check(32, [
      ["mov eax,cr0", (a) => a.mov(r.eax, r.cr0)],
      ["mov ax,[bx+si]", (a) => a.mov(r.ax, mem({ base: r.bx, index: r.si }))],
    ]);
    check(16, [
      ["mov eax,cr0", (a) => a.mov(r.eax, r.cr0)],
      ["mov eax,12345678h", (a) => a.mov(r.eax, 0x12345678)],
      ["mov ds,ax", (a) => a.mov(r.ds, r.ax)],
    ]);
  });

  it("extends, exchanges, and computes addresses", () => {
    check(64, [
      ["movzx eax,byte ptr [rcx]", (a) => a.movzx(r.eax, byte(r.rcx))],
      ["movzx r8d,sil", (a) => a.movzx(r.r8d, r.sil)],
      ["movzx rax,bx", (a) => a.movzx(r.rax, r.bx)],
      ["movsx rax,cl", (a) => a.movsx(r.rax, r.cl)],
      ["movsxd rax,[rdx]", (a) => a.movsx(r.rax, dword(r.rdx))],
      ["lea r9,[rax+rbx*4]", (a) => a.lea(r.r9, mem({ base: r.rax, index: r.rbx, scale: 4 }))],
      ["lea eax,[ecx+1]", (a) => a.lea(r.eax, mem(r.ecx, 1))],
      ["xchg [rax],rbx", (a) => a.xchg(qword(r.rax), r.rbx)],
      ["lock cmpxchg [rdi],ecx", (a) => a.lock().cmpxchg(dword(r.rdi), r.ecx)],
      ["lock xadd [rdi],rcx", (a) => a.lock().xadd(mem(r.rdi), r.rcx)],
    ]);
  });

  it("uses the stack", () => {
    check(64, [
      ["push rbx", (a) => a.push(r.rbx)],
      ["pop r12", (a) => a.pop(r.r12)],
      ["push ax", (a) => a.push(r.ax)],
      ["push qword ptr [rax]", (a) => a.push(qword(r.rax))],
      ["pop qword ptr [r9]", (a) => a.pop(qword(r.r9))],
      ["push 0FFFFFFFFFFFFFFFFh", (a) => a.push(-1)],
      ["push 12345678h", (a) => a.push(0x12345678)],
      ["pushfq", (a) => a.pushf()],
      ["popfq", (a) => a.popf()],
    ]);
    check(32, [
      ["push edi", (a) => a.push(r.edi)],
      ["push 0FFFFFFFFh", (a) => a.push(0xffffffff)],
    ]);
    check(16, [["push 1234h", (a) => a.push(0x1234)]]);
  });

  it("reaches ports and strings", () => {
    check(64, [
      ["in al,60h", (a) => a.in(r.al, 0x60)],
      ["in eax,dx", (a) => a.in(r.eax, r.dx)],
      ["out 43h,al", (a) => a.out(0x43, r.al)],
      ["out dx,ax", (a) => a.out(r.dx, r.ax)],
      ["rep movsb [rdi],[rsi]", (a) => a.rep().movsb()],
      ["rep movsw [rdi],[rsi]", (a) => a.rep().movsw()],
      ["movsd [rdi],[rsi]", (a) => a.movsd()],
      ["rep movsq [rdi],[rsi]", (a) => a.rep().movsq()],
      ["stosb [rdi]", (a) => a.stosb()],
      ["stosw [rdi]", (a) => a.stosw()],
      ["stosd [rdi]", (a) => a.stosd()],
      ["rep stosq [rdi]", (a) => a.rep().stosq()],
      ["lodsb [rsi]", (a) => a.lodsb()],
      ["lodsw [rsi]", (a) => a.lodsw()],
      ["lodsd [rsi]", (a) => a.lodsd()],
      ["lodsq [rsi]", (a) => a.lodsq()],
      ["repe cmpsb [rsi],[rdi]", (a) => a.rep().cmpsb()],
      ["repne scasb [rdi]", (a) => a.repne().scasb()],
      ["cdq", (a) => a.cdq()],
      ["cqo", (a) => a.cqo()],
      ["clc", (a) => a.clc()],
      ["stc", (a) => a.stc()],
      ["cld", (a) => a.cld()],
      ["std", (a) => a.std()],
    ]);
  });
});

describe("arithmetic", () => {
  it("encodes the eight binary operations", () => {
    for (const name of ["add", "or", "adc", "sbb", "and", "sub", "xor", "cmp"] as const) {
      check(64, [
        [`${name} al,7Fh`, (a) => a[name](r.al, 0x7f)],
        [`${name} r9,1`, (a) => a[name](r.r9, 1)],
        [`${name} ecx,0FFFFFFFFh`, (a) => a[name](r.ecx, 0xffffffff)],
        [`${name} ecx,12345678h`, (a) => a[name](r.ecx, 0x12345678)],
        [`${name} bx,1234h`, (a) => a[name](r.bx, 0x1234)],
        [`${name} byte ptr [rax],1`, (a) => a[name](byte(r.rax), 1)],
        [`${name} qword ptr [rax],1000h`, (a) => a[name](qword(r.rax), 0x1000)],
        [`${name} rax,rbx`, (a) => a[name](r.rax, r.rbx)],
        [`${name} [r8],dl`, (a) => a[name](byte(r.r8), r.dl)],
        [`${name} dl,[r8]`, (a) => a[name](r.dl, byte(r.r8))],
        [`${name} r10,[rax]`, (a) => a[name](r.r10, mem(r.rax))],
      ]);
    }
  });

  it("encodes the rest", () => {
    check(64, [
      ["test al,20h", (a) => a.test(r.al, 0x20)],
      ["test rax,rax", (a) => a.test(r.rax, r.rax)],
      ["test dword ptr [rbx],40h", (a) => a.test(dword(r.rbx), 0x40)],
      ["inc byte ptr [rax]", (a) => a.inc(byte(r.rax))],
      ["dec r12d", (a) => a.dec(r.r12d)],
      ["not ecx", (a) => a.not(r.ecx)],
      ["neg rax", (a) => a.neg(r.rax)],
      ["mul rcx", (a) => a.mul(r.rcx)],
      ["div rcx", (a) => a.div(r.rcx)],
      ["idiv ebx", (a) => a.idiv(r.ebx)],
      ["imul rbx", (a) => a.imul(r.rbx)],
      ["imul rax,[rbx]", (a) => a.imul(r.rax, mem(r.rbx))],
      ["imul eax,ecx,18h", (a) => a.imul(r.eax, r.ecx, 24)],
      ["imul rax,rcx,3E8h", (a) => a.imul(r.rax, r.rcx, 1000)],
      ["rol rdx,4", (a) => a.rol(r.rdx, 4)],
      ["ror al,1", (a) => a.ror(r.al, 1)],
      ["shl eax,cl", (a) => a.shl(r.eax, r.cl)],
      ["shr qword ptr [rax],20h", (a) => a.shr(qword(r.rax), 32)],
      ["sar bx,3", (a) => a.sar(r.bx, 3)],
      ["bt eax,ecx", (a) => a.bt(r.eax, r.ecx)],
      ["bts dword ptr [rax],1Fh", (a) => a.bts(dword(r.rax), 31)],
      ["btr r8,5", (a) => a.btr(r.r8, 5)],
      ["btc [rax],rdx", (a) => a.btc(mem(r.rax), r.rdx)],
      ["bsf rax,rcx", (a) => a.bsf(r.rax, r.rcx)],
      ["bsr eax,[rax]", (a) => a.bsr(r.eax, mem(r.rax))],
      ["setne al", (a) => a.setcc("ne", r.al)],
      ["cmovb rax,rcx", (a) => a.cmov("b", r.rax, r.rcx)],
    ]);
  });
});

describe("control flow", () => {
  it("branches by register, memory and far pointer", () => {
    check(64, [
      ["jmp rax", (a) => a.jmp(r.rax)],
      ["call qword ptr [rcx+rax*8]", (a) => a.call(qword({ base: r.rcx, index: r.rax, scale: 8 }))],
      ["call r11", (a) => a.call(r.r11)],
      ["ret", (a) => a.ret()],
      ["ret 8", (a) => a.ret(8)],
      ["data64 ret far", (a) => a.retf()],
      ["ret far", (a) => a.retf(32)],
      ["iretq", (a) => a.iretq()],
      ["iretd", (a) => a.iretd()],
      ["jmp far fword ptr [rax]", (a) => a.jmpFarIndirect(mem(r.rax), 32)],
      ["int 80h", (a) => a.int(0x80)],
      ["int3", (a) => a.int3()],
      ["ud2", (a) => a.ud2()],
      ["nop", (a) => a.nop()],
      ["pause", (a) => a.pause()],
    ]);
    check(32, [
      ["jmp far 12345678h,8", (a) => a.jmpFar(8, 0x12345678)],
      ["call eax", (a) => a.call(r.eax)],
    ]);
    check(16, [
      ["jmp far 1234h,8", (a) => a.jmpFar(8, 0x1234)],
      ["data32 jmp far 12345678h,8", (a) => a.jmpFar(8, 0x12345678, 32)],
      ["iret", (a) => a.iret()],
    ]);
  });
});

describe("system, SSE2 and VMX", () => {
  it("encodes system instructions", () => {
    check(64, [
      ["cli", (a) => a.cli()],
      ["sti", (a) => a.sti()],
      ["hlt", (a) => a.hlt()],
      ["cpuid", (a) => a.cpuid()],
      ["rdtsc", (a) => a.rdtsc()],
      ["rdmsr", (a) => a.rdmsr()],
      ["wrmsr", (a) => a.wrmsr()],
      ["xgetbv", (a) => a.xgetbv()],
      ["xsetbv", (a) => a.xsetbv()],
      ["clts", (a) => a.clts()],
      ["wbinvd", (a) => a.wbinvd()],
      ["mfence", (a) => a.mfence()],
      ["swapgs", (a) => a.swapgs()],
      ["syscall", (a) => a.syscall()],
      ["sysretq", (a) => a.sysretq()],
      ["sgdt [rax]", (a) => a.sgdt(mem(r.rax))],
      ["sidt [rax]", (a) => a.sidt(mem(r.rax))],
      ["lgdt [rax]", (a) => a.lgdt(mem(r.rax))],
      ["lidt [r8]", (a) => a.lidt(mem(r.r8))],
      ["invlpg [rbx]", (a) => a.invlpg(mem(r.rbx))],
      ["lldt ax", (a) => a.lldt(r.ax)],
      ["ltr ax", (a) => a.ltr(r.ax)],
      ["str eax", (a) => a.str(r.eax)],
    ]);
  });

  it("encodes scalar doubles", () => {
    check(64, [
      ["movsd xmm0,[rax]", (a) => a.movDouble(r.xmm0, qword(r.rax))],
      ["movsd [rax],xmm9", (a) => a.movDouble(qword(r.rax), r.xmm9)],
      ["movapd xmm1,xmm8", (a) => a.movapd(r.xmm1, r.xmm8)],
      ["movq xmm1,rax", (a) => a.movq(r.xmm1, r.rax)],
      ["movq r8,xmm1", (a) => a.movq(r.r8, r.xmm1)],
      ["movd eax,xmm1", (a) => a.movq(r.eax, r.xmm1)],
      ["addsd xmm0,xmm1", (a) => a.addsd(r.xmm0, r.xmm1)],
      ["subsd xmm0,[rax]", (a) => a.subsd(r.xmm0, mem(r.rax))],
      ["mulsd xmm2,xmm3", (a) => a.mulsd(r.xmm2, r.xmm3)],
      ["divsd xmm4,xmm5", (a) => a.divsd(r.xmm4, r.xmm5)],
      ["sqrtsd xmm6,xmm7", (a) => a.sqrtsd(r.xmm6, r.xmm7)],
      ["ucomisd xmm0,xmm1", (a) => a.ucomisd(r.xmm0, r.xmm1)],
      ["xorpd xmm2,xmm2", (a) => a.xorpd(r.xmm2, r.xmm2)],
      ["cvtsi2sd xmm0,rax", (a) => a.cvtsi2sd(r.xmm0, r.rax)],
      ["cvttsd2si eax,xmm0", (a) => a.cvttsd2si(r.eax, r.xmm0)],
    ]);
  });

  it("encodes VMX", () => {
    check(64, [
      ["vmxon [rax]", (a) => a.vmxon(mem(r.rax))],
      ["vmclear [r9]", (a) => a.vmclear(mem(r.r9))],
      ["vmptrld [rax]", (a) => a.vmptrld(qword(r.rax))],
      ["vmptrst [rax]", (a) => a.vmptrst(qword(r.rax))],
      ["vmread rax,rcx", (a) => a.vmread(r.rax, r.rcx)],
      ["vmread [rdi],rcx", (a) => a.vmread(qword(r.rdi), r.rcx)],
      ["vmwrite rcx,r10", (a) => a.vmwrite(r.rcx, r.r10)],
      ["vmlaunch", (a) => a.vmlaunch()],
      ["vmresume", (a) => a.vmresume()],
      ["vmcall", (a) => a.vmcall()],
      ["vmxoff", (a) => a.vmxoff()],
      ["vmfunc", (a) => a.vmfunc()],
      ["invept rax,[rbx]", (a) => a.invept(r.rax, mem(r.rbx))],
      ["invvpid r8,[rbx]", (a) => a.invvpid(r.r8, mem(r.rbx))],
    ]);
  });
});
