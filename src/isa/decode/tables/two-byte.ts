/**
 * Two-byte opcode map (0F): general-purpose instructions and the hint forms. Intel SDM vol. 2D, table A-3,
 * groups 8, 9, 15 and 16 of table A-6. Notation: `../row.ts`.
 *
 * 0F 18-1F are hints: whatever the model doesn't know of them is a NOP that reads nothing. That covers MPX
 * and shadow-stack reads on a processor without them.
 */

export const TWO_BYTE = `
40+cc   cmov*       Gv,Ev      cmov
80+cc   j*          Jz         f64
90+cc   set*        Eb
0B      ud2         -
B9      ud1         Gv,Ev
FF      ud0         Gv,Ev

A0      push        FS         d64
A1      pop         FS         d64
A8      push        GS         d64
A9      pop         GS         d64
A2      cpuid       -
A3      bt          Ev,Gv
AB      bts         Ev,Gv      lock
B3      btr         Ev,Gv      lock
BB      btc         Ev,Gv      lock
BA/4    bt          Ev,Ib
BA/5    bts         Ev,Ib      lock
BA/6    btr         Ev,Ib      lock
BA/7    btc         Ev,Ib      lock
A4      shld        Ev,Gv,Ib
A5      shld        Ev,Gv,CL
AC      shrd        Ev,Gv,Ib
AD      shrd        Ev,Gv,CL
AF      imul        Gv,Ev
B0      cmpxchg     Eb,Gb      lock
B1      cmpxchg     Ev,Gv      lock
B2      lss         Gv,Mp
B4      lfs         Gv,Mp
B5      lgs         Gv,Mp
B6      movzx       Gv,Eb
B7      movzx       Gv,Ew
BE      movsx       Gv,Eb
BF      movsx       Gv,Ew
F3.B8   popcnt      Gv,Ev      popcnt
F3.BC   tzcnt       Gv,Ev      bmi1
BC      bsf         Gv,Ev
F3.BD   lzcnt       Gv,Ev      lzcnt
BD      bsr         Gv,Ev
C0      xadd        Eb,Gb      lock
C1      xadd        Ev,Gv      lock
NP.C3   movnti      My,Gy      sse2
C7/1    cmpxchg8b   Mq         cx8 lock os16
C7/1    cmpxchg8b   Mq         cx8 lock os32
C7/1    cmpxchg16b  Mdq        cx16 lock os64
NFx.C7/6 rdrand     Rv         rdrand
NFx.C7/7 rdseed     Rv         rdseed
F3.C7/7 rdpid       Ry         rdpid f64
C8+r    bswap       Zv

0D/0    prefetch    M          prefetchw
0D/1    prefetchw   M          prefetchw
0D/2    prefetchwt1 M          prefetchw
0D      nop         Rv/M
18/0    prefetchnta M          sse
18/1    prefetcht0  M          sse
18/2    prefetcht1  M          sse
18/3    prefetcht2  M          sse
18      nop         Rv/M
19      nop         Rv/M
1A      nop         Rv/M
1B      nop         Rv/M
NP.1C/0 cldemote    M          cldemote
1C      nop         Rv/M
1D      nop         Rv/M
F3.1E/FA endbr64    -
F3.1E/FB endbr32    -
1E      nop         Rv/M
1F      nop         Rv/M

NP.AE/0 fxsave      Mfx        fxsr
NP.AE/1 fxrstor     Mfx        fxsr
NP.AE/2 ldmxcsr     Md         sse
NP.AE/3 stmxcsr     Md         sse
NP.AE/4 xsave       M          xsave
NP.AE/5 xrstor      M          xsave
NP.AE/6 xsaveopt    M          xsaveopt
NP.AE/7 clflush     M          clflush
66.AE/6 clwb        M          clwb
66.AE/7 clflushopt  M          clflushopt
NP.AE/5 lfence      -          sse2 reg
NP.AE/6 mfence      -          sse2 reg
NP.AE/7 sfence      -          sse reg
F3.AE/0 rdfsbase    Ry         fsgsbase o64
F3.AE/1 rdgsbase    Ry         fsgsbase o64
F3.AE/2 wrfsbase    Ry         fsgsbase o64
F3.AE/3 wrgsbase    Ry         fsgsbase o64
F3.AE/4 ptwrite     Ey         ptwrite no66
66.AE/6 tpause      Ry         waitpkg
F2.AE/6 umwait      Ry         waitpkg
F3.AE/6 umonitor    Radr       waitpkg
NP.C7/3 xrstors     M          xsaves
NP.C7/4 xsavec      M          xsavec
NP.C7/5 xsaves      M          xsaves
`;
