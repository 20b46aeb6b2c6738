/**
 * Something to compute: prime numbers with integers, the Mandelbrot set with SSE2 doubles.
 */

import {
  al,
  byte,
  eax,
  ecx,
  mem,
  qword,
  r12,
  r12d,
  r13d,
  rax,
  rbx,
  rcx,
  rdi,
  rdx,
  rsi,
  xmm0,
  xmm1,
  xmm2,
  xmm3,
  xmm4,
  xmm5,
  xmm6,
  xmm7,
} from "../assembler/assembler.js";
import type { Tour } from "./program.js";

const LIMIT = 1_000_000;

/** The sieve of Eratosthenes, one byte a number. */
export function countPrimes(a: Tour): void {
  const sieve = a.reserve("sieve", LIMIT, 4096);
  a.call(a.readTsc);
  a.mov(r12, rax);
  a.lea(rbx, mem(sieve));
  a.mov(rdi, rbx);
  a.mov(ecx, LIMIT / 8);
  a.xor(eax, eax);
  a.rep().stosq();
  a.xor(r13d, r13d); // primes so far
  a.mov(ecx, 2);
  const next = a.here("sieveNext");
  const composite = a.label("sieveComposite");
  const crossed = a.label("sieveCrossed");
  a.cmp(byte({ base: rbx, index: rcx }), 0);
  a.jne(composite);
  a.inc(r13d);
  a.mov(rdx, rcx);
  a.imul(rdx, rcx);
  const cross = a.here("sieveCross");
  a.cmp(rdx, LIMIT);
  a.jae(crossed);
  a.mov(byte({ base: rbx, index: rdx }), 1);
  a.add(rdx, rcx);
  a.jmp(cross);
  a.bind(crossed);
  a.bind(composite);
  a.inc(rcx);
  a.cmp(rcx, LIMIT);
  a.jb(next);
  a.call(a.readTsc);
  a.sub(rax, r12);
  a.mov(r12, rax);
  a.say("  ");
  a.mov(eax, r13d);
  a.call(a.printDecimal);
  a.say(` primes below ${LIMIT}, counted in `);
  a.mov(rax, r12);
  a.call(a.printMillions);
  a.say(" million time stamp ticks.\n");
}

const COLUMNS = 76;
const ROWS = 25;
const LEFT = -2.1;
const RIGHT = 0.7;
const TOP = 1.15;
/** Two iterations a shade; what is still there after all of them belongs to the set. */
const SHADES = " .,:;-~=+ox*%&#@";
const ITERATIONS = 2 * (SHADES.length - 1);

/** Iterates z = z * z + c until |z| > 2. XMM0 + XMM1 i is c, XMM2 + XMM3 i is z. */
export function drawMandelbrot(a: Tour): void {
  const constants = a.label("mandelbrotConstants");
  const start = a.label("mandelbrotStart");
  const [left, stepRight, top, stepDown, four] = [0, 8, 16, 24, 32];
  const constant = (offset: number) => qword(constants, offset);
  a.jmp(start);
  a.align(8);
  a.bind(constants);
  a.double(LEFT, (RIGHT - LEFT) / (COLUMNS - 1), TOP, (2 * TOP) / (ROWS - 1), 4);
  a.bind(start);

  const shades = a.text(SHADES);
  a.movDouble(xmm1, constant(top));
  a.mov(r12d, ROWS);
  const row = a.here("mandelbrotRow");
  a.say("  ");
  a.movDouble(xmm0, constant(left));
  a.mov(r13d, COLUMNS);
  const column = a.here("mandelbrotColumn");
  const escaped = a.label("mandelbrotEscaped");
  a.xorpd(xmm2, xmm2);
  a.xorpd(xmm3, xmm3);
  a.xor(ecx, ecx);
  const iterate = a.here("mandelbrotIterate");
  a.movapd(xmm4, xmm2);
  a.mulsd(xmm4, xmm4); // re²
  a.movapd(xmm5, xmm3);
  a.mulsd(xmm5, xmm5); // im²
  a.movapd(xmm6, xmm4);
  a.addsd(xmm6, xmm5);
  a.movDouble(xmm7, constant(four));
  a.ucomisd(xmm6, xmm7);
  a.ja(escaped);
  a.mulsd(xmm3, xmm2);
  a.addsd(xmm3, xmm3);
  a.addsd(xmm3, xmm1); // im = 2 re im + c.im
  a.subsd(xmm4, xmm5);
  a.addsd(xmm4, xmm0);
  a.movapd(xmm2, xmm4); // re = re² - im² + c.re
  a.inc(ecx);
  a.cmp(ecx, ITERATIONS);
  a.jb(iterate);
  a.bind(escaped);
  a.shr(ecx, 1);
  a.lea(rsi, mem(shades));
  a.mov(al, byte({ base: rsi, index: rcx }));
  a.call(a.printCharacter);
  a.addsd(xmm0, constant(stepRight));
  a.dec(r13d);
  a.jnz(column);
  a.say("\n");
  a.subsd(xmm1, constant(stepDown));
  a.dec(r12d);
  a.jnz(row);
}
