/**
 * One-byte opcode map: integer, string, control flow, input/output. Intel SDM vol. 2D, table A-2, and the
 * opcode groups 1, 1A, 2, 3, 4, 5 and 11 of table A-6. Notation: `../row.ts`.
 */

const ARITHMETIC = ["add", "or", "adc", "sbb", "and", "sub", "xor", "cmp"];
const SHIFTS = ["rol", "ror", "rcl", "rcr", "shl", "shr", "shl", "sar"];

const hex = (n: number) => n.toString(16).padStart(2, "0");
const lockable = (name: string) => (name === "cmp" ? "" : "lock");

/** 00-3D, eight operations of six forms, and group 1. */
const arithmetic = ARITHMETIC.map(
  (name, i) => `
${hex(8 * i)}       ${name}  Eb,Gb   ${lockable(name)}
${hex(8 * i + 1)}   ${name}  Ev,Gv   ${lockable(name)}
${hex(8 * i + 2)}   ${name}  Gb,Eb
${hex(8 * i + 3)}   ${name}  Gv,Ev
${hex(8 * i + 4)}   ${name}  AL,Ib
${hex(8 * i + 5)}   ${name}  rAX,Iz
80/${i}             ${name}  Eb,Ib   ${lockable(name)}
81/${i}             ${name}  Ev,Iz   ${lockable(name)}
82/${i}             ${name}  Eb,Ib   ${lockable(name)} i64
83/${i}             ${name}  Ev,sIb  ${lockable(name)}
`,
).join("");

/** Group 2. /6 is an alias of SHL. */
const shifts = SHIFTS.map(
  (name, i) => `
C0/${i}  ${name}  Eb,Ib
C1/${i}  ${name}  Ev,Ib
D0/${i}  ${name}  Eb,1
D1/${i}  ${name}  Ev,1
D2/${i}  ${name}  Eb,CL
D3/${i}  ${name}  Ev,CL
`,
).join("");

export const ONE_BYTE = `
${arithmetic}
${shifts}
06     push    ES      i64
07     pop     ES      i64
0E     push    CS      i64
16     push    SS      i64
17     pop     SS      i64
1E     push    DS      i64
1F     pop     DS      i64
27     daa     -       i64
2F     das     -       i64
37     aaa     -       i64
3F     aas     -       i64
40+r   inc     Zv      i64
48+r   dec     Zv      i64
50+r   push    Zv      d64
58+r   pop     Zv      d64
60     pusha   -       i64
61     popa    -       i64
62     bound   Gv,Ma   i64
63     arpl    Ew,Gw   i64 pm
63     movsxd  Gv,Ez   o64
68     push    Iz      d64
69     imul    Gv,Ev,Iz
6A     push    sIb     d64
6B     imul    Gv,Ev,sIb
6C     ins     Yb
6D     ins     Yz
6E     outs    Xb
6F     outs    Xz
70+cc  j*      Jb      f64
84     test    Eb,Gb
85     test    Ev,Gv
86     xchg    Eb,Gb   lock
87     xchg    Ev,Gv   lock
88     mov     Eb,Gb
89     mov     Ev,Gv
8A     mov     Gb,Eb
8B     mov     Gv,Ev
8C     mov     Rv/Mw,Sw
8D     lea     Gv,M
8E     mov     Sw,Ew
8F/0   pop     Ev      d64
F3.90  pause   -
90     nop     -       B0
90+r   xchg    Zv,rAX
98     cbw     -       os16
98     cwde    -       os32
98     cdqe    -       os64
99     cwd     -       os16
99     cdq     -       os32
99     cqo     -       os64
9A     callf   Ap      i64
9B     fwait   -       x87
9C     pushf   -       d64
9D     popf    -       d64
9E     sahf    -       i64
9E     sahf    -       lahf64 o64
9F     lahf    -       i64
9F     lahf    -       lahf64 o64
A0     mov     AL,Ob
A1     mov     rAX,Ov
A2     mov     Ob,AL
A3     mov     Ov,rAX
A4     movs    Yb
A5     movs    Yv
A6     cmps    Xb
A7     cmps    Xv
A8     test    AL,Ib
A9     test    rAX,Iz
AA     stos    Yb
AB     stos    Yv
AC     lods    Xb
AD     lods    Xv
AE     scas    Yb
AF     scas    Yv
B0+r   mov     Zb,Ib
B8+r   mov     Zv,Iv
C2     ret     Iw      f64
C3     ret     -       f64
C4     les     Gv,Mp   i64
C5     lds     Gv,Mp   i64
C6/0   mov     Eb,Ib
C7/0   mov     Ev,Iz
C8     enter   Iw,Ib   d64
C9     leave   -       d64
CA     retf    Iw
CB     retf    -
CC     int3    -
CD     int     Ib
CE     into    -       i64
CF     iret    -
D4     aam     Ib      i64
D5     aad     Ib      i64
D6     salc    -       i64
D7     xlat    -
E0     loopne  Jb      f64
E1     loope   Jb      f64
E2     loop    Jb      f64
E3     jcxz    Jb      f64
E4     in      AL,Ib
E5     in      eAX,Ib
E6     out     Ib,AL
E7     out     Ib,eAX
E8     call    Jz      f64
E9     jmp     Jz      f64
EA     jmpf    Ap      i64
EB     jmp     Jb      f64
EC     in      AL,DX
ED     in      eAX,DX
EE     out     DX,AL
EF     out     DX,eAX
F1     int1    -
F4     hlt     -
F5     cmc     -
F6/0   test    Eb,Ib
F6/1   test    Eb,Ib
F6/2   not     Eb      lock
F6/3   neg     Eb      lock
F6/4   mul     Eb
F6/5   imul    Eb
F6/6   div     Eb
F6/7   idiv    Eb
F7/0   test    Ev,Iz
F7/1   test    Ev,Iz
F7/2   not     Ev      lock
F7/3   neg     Ev      lock
F7/4   mul     Ev
F7/5   imul    Ev
F7/6   div     Ev
F7/7   idiv    Ev
F8     clc     -
F9     stc     -
FA     cli     -
FB     sti     -
FC     cld     -
FD     std     -
FE/0   inc     Eb      lock
FE/1   dec     Eb      lock
FF/0   inc     Ev      lock
FF/1   dec     Ev      lock
FF/2   call    Ev      f64
FF/3   callf   Mp
FF/4   jmp     Ev      f64
FF/5   jmpf    Mp
FF/6   push    Ev      d64
`;
