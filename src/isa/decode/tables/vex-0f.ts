/**
 * VEX opcode map 1 (0F): AVX and AVX2. Intel SDM vol. 2D, table A-3 (rows with a "v" superscript), chapters 3 to 5
 * for VEX.L and VEX.W. Rows without `L` accept both lengths (LIG), rows without `W` both values (WIG). VEX
 * memory operands need no alignment unless `aligned`. Notation: `../row.ts`.
 */

export const VEX_0F = `
10     vmovu{ps,pd}       Vx,Wx          avx
F3.10  vmovss             Vss,Hss,Uss    avx
F3.10  vmovss             Vss,Md         avx
F2.10  vmovsd             Vsd,Hsd,Usd    avx
F2.10  vmovsd             Vsd,Mq         avx
11     vmovu{ps,pd}       Wx,Vx          avx
F3.11  vmovss             Uss,Hss,Vss    avx
F3.11  vmovss             Md,Vss         avx
F2.11  vmovsd             Usd,Hsd,Vsd    avx
F2.11  vmovsd             Mq,Vsd         avx
NP.12  vmovhlps           Vdq,Hdq,Uq     avx L0
12     vmovl{ps,pd}       Vdq,Hdq,Mq     avx L0
F3.12  vmovsldup          Vx,Wx          avx
F2.12  vmovddup           Vdq,Wq         avx L0
F2.12  vmovddup           Vqq,Wqq        avx L1
13     vmovl{ps,pd}       Mq,Vq          avx L0
14     vunpckl{ps,pd}     V*,H*,W*       avx
15     vunpckh{ps,pd}     V*,H*,W*       avx
NP.16  vmovlhps           Vdq,Hdq,Uq     avx L0
16     vmovh{ps,pd}       Vdq,Hdq,Mq     avx L0
F3.16  vmovshdup          Vx,Wx          avx
17     vmovh{ps,pd}       Mq,Vq          avx L0
28     vmova{ps,pd}       Vx,Wx          avx aligned
29     vmova{ps,pd}       Wx,Vx          avx aligned
2A     vcvtsi2{ss,sd}     V*,H*,Ey       avx
2B     vmovnt{ps,pd}      Mx,Vx          avx aligned
F3.2C  vcvttss2si         Gy,Wss         avx
F2.2C  vcvttsd2si         Gy,Wsd         avx
F3.2D  vcvtss2si          Gy,Wss         avx
F2.2D  vcvtsd2si          Gy,Wsd         avx
NP.2E  vucomiss           Vss,Wss        avx
66.2E  vucomisd           Vsd,Wsd        avx
NP.2F  vcomiss            Vss,Wss        avx
66.2F  vcomisd            Vsd,Wsd        avx
50     vmovmsk{ps,pd}     Gy,U*          avx
51     vsqrt{ps,pd}       V*,W*          avx
51     vsqrt{ss,sd}       V*,H*,W*       avx
NP.52  vrsqrtps           Vps,Wps        avx
F3.52  vrsqrtss           Vss,Hss,Wss    avx
NP.53  vrcpps             Vps,Wps        avx
F3.53  vrcpss             Vss,Hss,Wss    avx
54     vand{ps,pd}        V*,H*,W*       avx
55     vandn{ps,pd}       V*,H*,W*       avx
56     vor{ps,pd}         V*,H*,W*       avx
57     vxor{ps,pd}        V*,H*,W*       avx
58     vadd{ps,pd,ss,sd}  V*,H*,W*       avx
59     vmul{ps,pd,ss,sd}  V*,H*,W*       avx
NP.5A  vcvtps2pd          Vpd,Wx/2       avx
66.5A  vcvtpd2ps          Vdq,Wpd        avx
F3.5A  vcvtss2sd          Vsd,Hsd,Wss    avx
F2.5A  vcvtsd2ss          Vss,Hss,Wsd    avx
NP.5B  vcvtdq2ps          Vx,Wx          avx
66.5B  vcvtps2dq          Vx,Wx          avx
F3.5B  vcvttps2dq         Vx,Wx          avx
5C     vsub{ps,pd,ss,sd}  V*,H*,W*       avx
5D     vmin{ps,pd,ss,sd}  V*,H*,W*       avx
5E     vdiv{ps,pd,ss,sd}  V*,H*,W*       avx
5F     vmax{ps,pd,ss,sd}  V*,H*,W*       avx
66.60  vpunpcklbw         Vx,Hx,Wx       avx|avx2
66.61  vpunpcklwd         Vx,Hx,Wx       avx|avx2
66.62  vpunpckldq         Vx,Hx,Wx       avx|avx2
66.63  vpacksswb          Vx,Hx,Wx       avx|avx2
66.64  vpcmpgtb           Vx,Hx,Wx       avx|avx2
66.65  vpcmpgtw           Vx,Hx,Wx       avx|avx2
66.66  vpcmpgtd           Vx,Hx,Wx       avx|avx2
66.67  vpackuswb          Vx,Hx,Wx       avx|avx2
66.68  vpunpckhbw         Vx,Hx,Wx       avx|avx2
66.69  vpunpckhwd         Vx,Hx,Wx       avx|avx2
66.6A  vpunpckhdq         Vx,Hx,Wx       avx|avx2
66.6B  vpackssdw          Vx,Hx,Wx       avx|avx2
66.6C  vpunpcklqdq        Vx,Hx,Wx       avx|avx2
66.6D  vpunpckhqdq        Vx,Hx,Wx       avx|avx2
66.6E  vmovd              Vdq,Ed         avx L0 W0
66.6E  vmovd              Vdq,Ed         avx L0 W1 i64
66.6E  vmovq              Vdq,Eq         avx L0 W1 o64
66.6F  vmovdqa            Vx,Wx          avx aligned
F3.6F  vmovdqu            Vx,Wx          avx
66.70  vpshufd            Vx,Wx,Ib       avx|avx2
F3.70  vpshufhw           Vx,Wx,Ib       avx|avx2
F2.70  vpshuflw           Vx,Wx,Ib       avx|avx2
66.71/2 vpsrlw            Hx,Ux,Ib       avx|avx2
66.71/4 vpsraw            Hx,Ux,Ib       avx|avx2
66.71/6 vpsllw            Hx,Ux,Ib       avx|avx2
66.72/2 vpsrld            Hx,Ux,Ib       avx|avx2
66.72/4 vpsrad            Hx,Ux,Ib       avx|avx2
66.72/6 vpslld            Hx,Ux,Ib       avx|avx2
66.73/2 vpsrlq            Hx,Ux,Ib       avx|avx2
66.73/3 vpsrldq           Hx,Ux,Ib       avx|avx2
66.73/6 vpsllq            Hx,Ux,Ib       avx|avx2
66.73/7 vpslldq           Hx,Ux,Ib       avx|avx2
66.74  vpcmpeqb           Vx,Hx,Wx       avx|avx2
66.75  vpcmpeqw           Vx,Hx,Wx       avx|avx2
66.76  vpcmpeqd           Vx,Hx,Wx       avx|avx2
NP.77  vzeroupper         -              avx L0
NP.77  vzeroall           -              avx L1
66.7C  vhaddpd            Vpd,Hpd,Wpd    avx
F2.7C  vhaddps            Vps,Hps,Wps    avx
66.7D  vhsubpd            Vpd,Hpd,Wpd    avx
F2.7D  vhsubps            Vps,Hps,Wps    avx
66.7E  vmovd              Ed,Vdq         avx L0 W0
66.7E  vmovd              Ed,Vdq         avx L0 W1 i64
66.7E  vmovq              Eq,Vdq         avx L0 W1 o64
F3.7E  vmovq              Vq,Wq          avx L0
66.7F  vmovdqa            Wx,Vx          avx aligned
F3.7F  vmovdqu            Wx,Vx          avx
NP.AE/2 vldmxcsr          Md             avx L0
NP.AE/3 vstmxcsr          Md             avx L0
C2     vcmp{ps,pd,ss,sd}  V*,H*,W*,Ib    avx
66.C4  vpinsrw            Vdq,Hdq,Ry/Mw,Ib avx L0
66.C5  vpextrw            Gy,Udq,Ib      avx L0
C6     vshuf{ps,pd}       V*,H*,W*,Ib    avx
66.D0  vaddsubpd          Vpd,Hpd,Wpd    avx
F2.D0  vaddsubps          Vps,Hps,Wps    avx
66.D1  vpsrlw             Vx,Hx,Wdq      avx|avx2
66.D2  vpsrld             Vx,Hx,Wdq      avx|avx2
66.D3  vpsrlq             Vx,Hx,Wdq      avx|avx2
66.D4  vpaddq             Vx,Hx,Wx       avx|avx2
66.D5  vpmullw            Vx,Hx,Wx       avx|avx2
66.D6  vmovq              Wq,Vq          avx L0
66.D7  vpmovmskb          Gy,Ux          avx|avx2
66.D8  vpsubusb           Vx,Hx,Wx       avx|avx2
66.D9  vpsubusw           Vx,Hx,Wx       avx|avx2
66.DA  vpminub            Vx,Hx,Wx       avx|avx2
66.DB  vpand              Vx,Hx,Wx       avx|avx2
66.DC  vpaddusb           Vx,Hx,Wx       avx|avx2
66.DD  vpaddusw           Vx,Hx,Wx       avx|avx2
66.DE  vpmaxub            Vx,Hx,Wx       avx|avx2
66.DF  vpandn             Vx,Hx,Wx       avx|avx2
66.E0  vpavgb             Vx,Hx,Wx       avx|avx2
66.E1  vpsraw             Vx,Hx,Wdq      avx|avx2
66.E2  vpsrad             Vx,Hx,Wdq      avx|avx2
66.E3  vpavgw             Vx,Hx,Wx       avx|avx2
66.E4  vpmulhuw           Vx,Hx,Wx       avx|avx2
66.E5  vpmulhw            Vx,Hx,Wx       avx|avx2
66.E6  vcvttpd2dq         Vdq,Wpd        avx
F3.E6  vcvtdq2pd          Vpd,Wx/2       avx
F2.E6  vcvtpd2dq          Vdq,Wpd        avx
66.E7  vmovntdq           Mx,Vx          avx aligned
66.E8  vpsubsb            Vx,Hx,Wx       avx|avx2
66.E9  vpsubsw            Vx,Hx,Wx       avx|avx2
66.EA  vpminsw            Vx,Hx,Wx       avx|avx2
66.EB  vpor               Vx,Hx,Wx       avx|avx2
66.EC  vpaddsb            Vx,Hx,Wx       avx|avx2
66.ED  vpaddsw            Vx,Hx,Wx       avx|avx2
66.EE  vpmaxsw            Vx,Hx,Wx       avx|avx2
66.EF  vpxor              Vx,Hx,Wx       avx|avx2
F2.F0  vlddqu             Vx,Mx          avx
66.F1  vpsllw             Vx,Hx,Wdq      avx|avx2
66.F2  vpslld             Vx,Hx,Wdq      avx|avx2
66.F3  vpsllq             Vx,Hx,Wdq      avx|avx2
66.F4  vpmuludq           Vx,Hx,Wx       avx|avx2
66.F5  vpmaddwd           Vx,Hx,Wx       avx|avx2
66.F6  vpsadbw            Vx,Hx,Wx       avx|avx2
66.F7  vmaskmovdqu        Vdq,Udq        avx L0
66.F8  vpsubb             Vx,Hx,Wx       avx|avx2
66.F9  vpsubw             Vx,Hx,Wx       avx|avx2
66.FA  vpsubd             Vx,Hx,Wx       avx|avx2
66.FB  vpsubq             Vx,Hx,Wx       avx|avx2
66.FC  vpaddb             Vx,Hx,Wx       avx|avx2
66.FD  vpaddw             Vx,Hx,Wx       avx|avx2
66.FE  vpaddd             Vx,Hx,Wx       avx|avx2
`;
