/**
 * Two-byte opcode map (0F): system instructions, VMX and SVM. Intel SDM vol. 2D, table A-3, groups 6, 7 and 9 of
 * table A-6; vol. 3C chapter 31 (VMX); AMD APM vol. 3 chapter 4 (SVM). Notation: `../row.ts`.
 *
 * VMGEXIT (F3 or F2 before VMMCALL) is VMMCALL for a guest without SEV-ES, as AMD says.
 */

export const SYSTEM = `
00/0       sldt      Rv/Mw     pm
00/1       str       Rv/Mw     pm
00/2       lldt      Ew        pm
00/3       ltr       Ew        pm
00/4       verr      Ew        pm
00/5       verw      Ew        pm
01/0       sgdt      Ms        f64
01/1       sidt      Ms        f64
01/2       lgdt      Ms        f64
01/3       lidt      Ms        f64
01/4       smsw      Rv/Mw
01/6       lmsw      Ew
01/7       invlpg    M
NP.01/C1   vmcall    -         vmx
NP.01/C2   vmlaunch  -         vmx pm
NP.01/C3   vmresume  -         vmx pm
NP.01/C4   vmxoff    -         vmx pm
NP.01/C8   monitor   -         monitor
NP.01/C9   mwait     -         monitor
NP.01/CA   clac      -         smap
NP.01/CB   stac      -         smap
NP.01/D0   xgetbv    -         xsave
NP.01/D1   xsetbv    -         xsave
NP.01/D4   vmfunc    -         vmx
01/D8      vmrun     -         svm pm
01/D9      vmmcall   -         svm
01/DA      vmload    -         svm pm
01/DB      vmsave    -         svm pm
01/DC      stgi      -         svm pm
01/DD      clgi      -         svm pm
01/DE      skinit    -         svm pm
01/DF      invlpga   -         svm pm
NP.01/E8   serialize -         serialize
NP.01/EE   rdpkru    -         pku
NP.01/EF   wrpkru    -         pku
01/F8      swapgs    -         o64
01/F9      rdtscp    -         rdtscp
01/FC      clzero    -         clzero
NP.01/FD   rdpru     -         rdpru
02         lar       Gv,Ew     pm
03         lsl       Gv,Ew     pm
05         syscall   -         syscall
06         clts      -
07         sysret    -         syscall
08         invd      -
F3.09      wbnoinvd  -         wbnoinvd
09         wbinvd    -
20         mov       Ry,Cy     f64 anymod
21         mov       Ry,Dy     f64 anymod
22         mov       Cy,Ry     f64 anymod
23         mov       Dy,Ry     f64 anymod
30         wrmsr     -
31         rdtsc     -
32         rdmsr     -
33         rdpmc     -
34         sysenter  -         sep
35         sysexit   -         sep
NP.78      vmread    Ey,Gy     vmx f64 pm
NP.79      vmwrite   Gy,Ey     vmx f64 pm
AA         rsm       -
NP.C7/6    vmptrld   Mq        vmx pm
66.C7/6    vmclear   Mq        vmx pm
F3.C7/6    vmxon     Mq        vmx pm
NP.C7/7    vmptrst   Mq        vmx pm
`;

/** Three-byte opcode map 0F 38: system and general-purpose instructions (tables ). */
export const THREE_BYTE_38 = `
66.80   invept     Gy,Mdq    vmx f64 unal pm
66.81   invvpid    Gy,Mdq    vmx f64 unal pm
66.82   invpcid    Gy,Mdq    invpcid f64 unal
NFx.F0  movbe      Gv,Mv     movbe
NFx.F1  movbe      Mv,Gv     movbe
F2.F0   crc32      Gy,Eb     sse4_2
F2.F1   crc32      Gy,Ev     sse4_2
66.F6   adcx       Gy,Ey     adx
F3.F6   adox       Gy,Ey     adx
66.F8   movdir64b  Gadr,Mzz  movdir64b unal
NP.F9   movdiri    My,Gy     movdiri
`;
