/**
 * SSE to SSE4a floating point and data movement on XMM registers, legacy encoding. Intel SDM vol. 2D, tables A-3 to
 * A-5; SSE4a: AMD APM vol. 4. Memory operands of 16 bytes must be aligned unless `unal`. Notation: `../row.ts`.
 */

export const SSE_0F = `
10     mov{ss,sd}       V*,W*
10     movu{ps,pd}      V*,W*        unal
11     mov{ss,sd}       W*,V*
11     movu{ps,pd}      W*,V*        unal
NP.12  movhlps          Vq,Uq        sse
12     movl{ps,pd}      Vq,Mq
F3.12  movsldup         Vdq,Wdq      sse3
F2.12  movddup          Vdq,Wq       sse3
13     movl{ps,pd}      Mq,Vq
14     unpckl{ps,pd}    V*,W*
15     unpckh{ps,pd}    V*,W*
NP.16  movlhps          Vq,Uq        sse
16     movh{ps,pd}      Vq,Mq
F3.16  movshdup         Vdq,Wdq      sse3
17     movh{ps,pd}      Mq,Vq
28     mova{ps,pd}      V*,W*
29     mova{ps,pd}      W*,V*
NP.2A  cvtpi2ps         Vq,Qq        sse
66.2A  cvtpi2pd         Vdq,Qq       sse2
2A     cvtsi2{ss,sd}    V*,Ey
2B     movnt{ps,pd}     M*,V*
2B     movnt{ss,sd}     M*,V*        sse4a
NP.2C  cvttps2pi        Pq,Wq        sse
66.2C  cvttpd2pi        Pq,Wpd       sse2
F3.2C  cvttss2si        Gy,Wss       sse
F2.2C  cvttsd2si        Gy,Wsd       sse2
NP.2D  cvtps2pi         Pq,Wq        sse
66.2D  cvtpd2pi         Pq,Wpd       sse2
F3.2D  cvtss2si         Gy,Wss       sse
F2.2D  cvtsd2si         Gy,Wsd       sse2
NP.2E  ucomiss          Vss,Wss      sse
66.2E  ucomisd          Vsd,Wsd      sse2
NP.2F  comiss           Vss,Wss      sse
66.2F  comisd           Vsd,Wsd      sse2
50     movmsk{ps,pd}    Gy,U*
51     sqrt{ps,pd,ss,sd}  V*,W*
52     rsqrt{ps,ss}     V*,W*
53     rcp{ps,ss}       V*,W*
54     and{ps,pd}       V*,W*
55     andn{ps,pd}      V*,W*
56     or{ps,pd}        V*,W*
57     xor{ps,pd}       V*,W*
58     add{ps,pd,ss,sd} V*,W*
59     mul{ps,pd,ss,sd} V*,W*
NP.5A  cvtps2pd         Vpd,Wq       sse2
66.5A  cvtpd2ps         Vdq,Wpd      sse2
F3.5A  cvtss2sd         Vsd,Wss      sse2
F2.5A  cvtsd2ss         Vss,Wsd      sse2
NP.5B  cvtdq2ps         Vps,Wdq      sse2
66.5B  cvtps2dq         Vdq,Wps      sse2
F3.5B  cvttps2dq        Vdq,Wps      sse2
5C     sub{ps,pd,ss,sd} V*,W*
5D     min{ps,pd,ss,sd} V*,W*
5E     div{ps,pd,ss,sd} V*,W*
5F     max{ps,pd,ss,sd} V*,W*
66.78/0 extrq           Uq,Ib,Ib     sse4a
66.79  extrq            Vq,Udq       sse4a
F2.78  insertq          Vq,Uq,Ib,Ib  sse4a
F2.79  insertq          Vq,Udq       sse4a
66.7C  haddpd           Vpd,Wpd      sse3
F2.7C  haddps           Vps,Wps      sse3
66.7D  hsubpd           Vpd,Wpd      sse3
F2.7D  hsubps           Vps,Wps      sse3
C2     cmp{ps,pd,ss,sd} V*,W*,Ib
C6     shuf{ps,pd}      V*,W*,Ib
66.D0  addsubpd         Vpd,Wpd      sse3
F2.D0  addsubps         Vps,Wps      sse3
66.E6  cvttpd2dq        Vdq,Wpd      sse2
F3.E6  cvtdq2pd         Vpd,Wq       sse2
F2.E6  cvtpd2dq         Vdq,Wpd      sse2
F2.F0  lddqu            Vdq,Mdq      sse3 unal
`;

export const SSE_0F38 = `
66.14  blendvps    Vps,Wps,XMM0   sse4_1
66.15  blendvpd    Vpd,Wpd,XMM0   sse4_1
66.2A  movntdqa    Vdq,Mdq        sse4_1
`;

export const SSE_0F3A = `
66.08  roundps     Vps,Wps,Ib       sse4_1
66.09  roundpd     Vpd,Wpd,Ib       sse4_1
66.0A  roundss     Vss,Wss,Ib       sse4_1
66.0B  roundsd     Vsd,Wsd,Ib       sse4_1
66.0C  blendps     Vps,Wps,Ib       sse4_1
66.0D  blendpd     Vpd,Wpd,Ib       sse4_1
66.17  extractps   Ry/Md,Vdq,Ib     sse4_1
66.21  insertps    Vdq,Udq/Md,Ib    sse4_1
66.40  dpps        Vps,Wps,Ib       sse4_1
66.41  dppd        Vpd,Wpd,Ib       sse4_1
`;
