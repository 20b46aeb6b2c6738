/**
 * x87 escape opcodes D8-DF. Intel SDM vol. 2D, tables A-7 to A-22. The undocumented aliases (DC D0-DF, DD C8,
 * DE D0, DF C0-DF) are included: DF C0 FFREEP pops, the others repeat the row that they are named after. DB E0,
 * E1, E4 (8087 FENI, FDISI, 80287 FSETPM) exist and do nothing. Notation: `../row.ts`.
 */

const ARITHMETIC = ["fadd", "fmul", "fcom", "fcomp", "fsub", "fsubr", "fdiv", "fdivr"];
/** The register forms with the destination ST(i) have subtraction and division the other way round. */
const REVERSED = ["fadd", "fmul", "fcom", "fcomp", "fsubr", "fsub", "fdivr", "fdiv"];

const arithmetic = ARITHMETIC.map((name, i) => {
  const compares = i === 2 || i === 3;
  return `
D8/${i}  ${name}  Md  x87
D8/${i}  ${name}  ST,STi  x87
DC/${i}  ${name}  Mq  x87
DC/${i}  ${REVERSED[i]}  ${compares ? "ST,STi" : "STi,ST"}  x87
DA/${i}  fi${name.slice(1)}  Md  x87
DE/${i}  fi${name.slice(1)}  Mw  x87
${compares ? "" : `DE/${i}  ${REVERSED[i]}p  STi,ST  x87`}
`;
}).join("");

export const X87 = `
${arithmetic}
D9/0   fld      Md      x87
D9/2   fst      Md      x87
D9/3   fstp     Md      x87
D9/4   fldenv   Mfe     x87
D9/5   fldcw    Mw      x87
D9/6   fnstenv  Mfe     x87
D9/7   fnstcw   Mw      x87
D9/0   fld      STi     x87
D9/1   fxch     ST,STi  x87
D9/D0  fnop     -       x87
D9/3   fstp     STi     x87
D9/E0  fchs     -       x87
D9/E1  fabs     -       x87
D9/E4  ftst     -       x87
D9/E5  fxam     -       x87
D9/E8  fld1     -       x87
D9/E9  fldl2t   -       x87
D9/EA  fldl2e   -       x87
D9/EB  fldpi    -       x87
D9/EC  fldlg2   -       x87
D9/ED  fldln2   -       x87
D9/EE  fldz     -       x87
D9/F0  f2xm1    -       x87
D9/F1  fyl2x    -       x87
D9/F2  fptan    -       x87
D9/F3  fpatan   -       x87
D9/F4  fxtract  -       x87
D9/F5  fprem1   -       x87
D9/F6  fdecstp  -       x87
D9/F7  fincstp  -       x87
D9/F8  fprem    -       x87
D9/F9  fyl2xp1  -       x87
D9/FA  fsqrt    -       x87
D9/FB  fsincos  -       x87
D9/FC  frndint  -       x87
D9/FD  fscale   -       x87
D9/FE  fsin     -       x87
D9/FF  fcos     -       x87

DA/0   fcmovb   ST,STi  x87+cmov
DA/1   fcmove   ST,STi  x87+cmov
DA/2   fcmovbe  ST,STi  x87+cmov
DA/3   fcmovu   ST,STi  x87+cmov
DA/E9  fucompp  -       x87

DB/0   fild     Md      x87
DB/1   fisttp   Md      x87+sse3
DB/2   fist     Md      x87
DB/3   fistp    Md      x87
DB/5   fld      Mt      x87
DB/7   fstp     Mt      x87
DB/0   fcmovnb  ST,STi  x87+cmov
DB/1   fcmovne  ST,STi  x87+cmov
DB/2   fcmovnbe ST,STi  x87+cmov
DB/3   fcmovnu  ST,STi  x87+cmov
DB/E0  fneni    -       x87
DB/E1  fndisi   -       x87
DB/E2  fnclex   -       x87
DB/E3  fninit   -       x87
DB/E4  fnsetpm  -       x87
DB/5   fucomi   ST,STi  x87+cmov
DB/6   fcomi    ST,STi  x87+cmov

DD/0   fld      Mq      x87
DD/1   fisttp   Mq      x87+sse3
DD/2   fst      Mq      x87
DD/3   fstp     Mq      x87
DD/4   frstor   Mfs     x87
DD/6   fnsave   Mfs     x87
DD/7   fnstsw   Mw      x87
DD/0   ffree    STi     x87
DD/1   fxch     ST,STi  x87
DD/2   fst      STi     x87
DD/3   fstp     STi     x87
DD/4   fucom    ST,STi  x87
DD/5   fucomp   ST,STi  x87

DE/2   fcomp    ST,STi  x87
DE/D9  fcompp   -       x87

DF/0   fild     Mw      x87
DF/1   fisttp   Mw      x87+sse3
DF/2   fist     Mw      x87
DF/3   fistp    Mw      x87
DF/4   fbld     Mt      x87
DF/5   fild     Mq      x87
DF/6   fbstp    Mt      x87
DF/7   fistp    Mq      x87
DF/0   ffreep   STi     x87
DF/1   fxch     ST,STi  x87
DF/2   fstp     STi     x87
DF/3   fstp     STi     x87
DF/E0  fnstsw   AX      x87
DF/5   fucomip  ST,STi  x87+cmov
DF/6   fcomip   ST,STi  x87+cmov
`;
