/**
 * Integer SIMD, legacy encoding: MMX and its SSE2-SSE4.2 twins, AES, PCLMULQDQ, SHA, GFNI. Intel SDM vol. 2D, tables
 * A-3 to A-6 (groups 12-14). `MX` rows exist for MMX and XMM registers; the feature is then MMX|SSE.
 * Memory operands of 16 bytes must be aligned unless `unal`; the SHA instructions are, against the manual, because
 * silicon (the recorded vectors) checks no alignment for them. Notation: `../row.ts`.
 */

export const INTEGER_0F = `
NP.60   punpcklbw    Pq,Qd          mmx
66.60   punpcklbw    Vdq,Wdq        sse2
NP.61   punpcklwd    Pq,Qd          mmx
66.61   punpcklwd    Vdq,Wdq        sse2
NP.62   punpckldq    Pq,Qd          mmx
66.62   punpckldq    Vdq,Wdq        sse2
MX.63   packsswb     Pq,Qq          mmx|sse2
MX.64   pcmpgtb      Pq,Qq          mmx|sse2
MX.65   pcmpgtw      Pq,Qq          mmx|sse2
MX.66   pcmpgtd      Pq,Qq          mmx|sse2
MX.67   packuswb     Pq,Qq          mmx|sse2
MX.68   punpckhbw    Pq,Qq          mmx|sse2
MX.69   punpckhwd    Pq,Qq          mmx|sse2
MX.6A   punpckhdq    Pq,Qq          mmx|sse2
MX.6B   packssdw     Pq,Qq          mmx|sse2
66.6C   punpcklqdq   Vdq,Wdq        sse2
66.6D   punpckhqdq   Vdq,Wdq        sse2
NP.6E   movd         Pq,Ed          mmx W0
NP.6E   movq         Pq,Eq          mmx W1
66.6E   movd         Vdq,Ed         sse2 W0
66.6E   movq         Vdq,Eq         sse2 W1
NP.6F   movq         Pq,Qq          mmx
66.6F   movdqa       Vdq,Wdq        sse2
F3.6F   movdqu       Vdq,Wdq        sse2 unal
NP.70   pshufw       Pq,Qq,Ib       sse
66.70   pshufd       Vdq,Wdq,Ib     sse2
F3.70   pshufhw      Vdq,Wdq,Ib     sse2
F2.70   pshuflw      Vdq,Wdq,Ib     sse2
MX.71/2 psrlw        Nq,Ib          mmx|sse2
MX.71/4 psraw        Nq,Ib          mmx|sse2
MX.71/6 psllw        Nq,Ib          mmx|sse2
MX.72/2 psrld        Nq,Ib          mmx|sse2
MX.72/4 psrad        Nq,Ib          mmx|sse2
MX.72/6 pslld        Nq,Ib          mmx|sse2
MX.73/2 psrlq        Nq,Ib          mmx|sse2
66.73/3 psrldq       Udq,Ib         sse2
MX.73/6 psllq        Nq,Ib          mmx|sse2
66.73/7 pslldq       Udq,Ib         sse2
MX.74   pcmpeqb      Pq,Qq          mmx|sse2
MX.75   pcmpeqw      Pq,Qq          mmx|sse2
MX.76   pcmpeqd      Pq,Qq          mmx|sse2
NP.77   emms         -              mmx
NP.7E   movd         Ed,Pq          mmx W0
NP.7E   movq         Eq,Pq          mmx W1
66.7E   movd         Ed,Vdq         sse2 W0
66.7E   movq         Eq,Vdq         sse2 W1
F3.7E   movq         Vq,Wq          sse2
NP.7F   movq         Qq,Pq          mmx
66.7F   movdqa       Wdq,Vdq        sse2
F3.7F   movdqu       Wdq,Vdq        sse2 unal
MX.C4   pinsrw       Pq,Ry/Mw,Ib    sse|sse2
MX.C5   pextrw       Gy,Nq,Ib       sse|sse2
MX.D1   psrlw        Pq,Qq          mmx|sse2
MX.D2   psrld        Pq,Qq          mmx|sse2
MX.D3   psrlq        Pq,Qq          mmx|sse2
MX.D4   paddq        Pq,Qq          sse2|sse2
MX.D5   pmullw       Pq,Qq          mmx|sse2
66.D6   movq         Wq,Vq          sse2
F3.D6   movq2dq      Vdq,Nq         sse2
F2.D6   movdq2q      Pq,Uq          sse2
MX.D7   pmovmskb     Gy,Nq          sse|sse2
MX.D8   psubusb      Pq,Qq          mmx|sse2
MX.D9   psubusw      Pq,Qq          mmx|sse2
MX.DA   pminub       Pq,Qq          sse|sse2
MX.DB   pand         Pq,Qq          mmx|sse2
MX.DC   paddusb      Pq,Qq          mmx|sse2
MX.DD   paddusw      Pq,Qq          mmx|sse2
MX.DE   pmaxub       Pq,Qq          sse|sse2
MX.DF   pandn        Pq,Qq          mmx|sse2
MX.E0   pavgb        Pq,Qq          sse|sse2
MX.E1   psraw        Pq,Qq          mmx|sse2
MX.E2   psrad        Pq,Qq          mmx|sse2
MX.E3   pavgw        Pq,Qq          sse|sse2
MX.E4   pmulhuw      Pq,Qq          sse|sse2
MX.E5   pmulhw       Pq,Qq          mmx|sse2
NP.E7   movntq       Mq,Pq          sse
66.E7   movntdq      Mdq,Vdq        sse2
MX.E8   psubsb       Pq,Qq          mmx|sse2
MX.E9   psubsw       Pq,Qq          mmx|sse2
MX.EA   pminsw       Pq,Qq          sse|sse2
MX.EB   por          Pq,Qq          mmx|sse2
MX.EC   paddsb       Pq,Qq          mmx|sse2
MX.ED   paddsw       Pq,Qq          mmx|sse2
MX.EE   pmaxsw       Pq,Qq          sse|sse2
MX.EF   pxor         Pq,Qq          mmx|sse2
MX.F1   psllw        Pq,Qq          mmx|sse2
MX.F2   pslld        Pq,Qq          mmx|sse2
MX.F3   psllq        Pq,Qq          mmx|sse2
MX.F4   pmuludq      Pq,Qq          sse2|sse2
MX.F5   pmaddwd      Pq,Qq          mmx|sse2
MX.F6   psadbw       Pq,Qq          sse|sse2
NP.F7   maskmovq     Pq,Nq          sse
66.F7   maskmovdqu   Vdq,Udq        sse2
MX.F8   psubb        Pq,Qq          mmx|sse2
MX.F9   psubw        Pq,Qq          mmx|sse2
MX.FA   psubd        Pq,Qq          mmx|sse2
MX.FB   psubq        Pq,Qq          sse2|sse2
MX.FC   paddb        Pq,Qq          mmx|sse2
MX.FD   paddw        Pq,Qq          mmx|sse2
MX.FE   paddd        Pq,Qq          mmx|sse2
`;

export const INTEGER_0F38 = `
MX.00   pshufb       Pq,Qq          ssse3
MX.01   phaddw       Pq,Qq          ssse3
MX.02   phaddd       Pq,Qq          ssse3
MX.03   phaddsw      Pq,Qq          ssse3
MX.04   pmaddubsw    Pq,Qq          ssse3
MX.05   phsubw       Pq,Qq          ssse3
MX.06   phsubd       Pq,Qq          ssse3
MX.07   phsubsw      Pq,Qq          ssse3
MX.08   psignb       Pq,Qq          ssse3
MX.09   psignw       Pq,Qq          ssse3
MX.0A   psignd       Pq,Qq          ssse3
MX.0B   pmulhrsw     Pq,Qq          ssse3
66.10   pblendvb     Vdq,Wdq,XMM0   sse4_1
66.17   ptest        Vdq,Wdq        sse4_1
MX.1C   pabsb        Pq,Qq          ssse3
MX.1D   pabsw        Pq,Qq          ssse3
MX.1E   pabsd        Pq,Qq          ssse3
66.20   pmovsxbw     Vdq,Wq         sse4_1
66.21   pmovsxbd     Vdq,Wd         sse4_1
66.22   pmovsxbq     Vdq,Ww         sse4_1
66.23   pmovsxwd     Vdq,Wq         sse4_1
66.24   pmovsxwq     Vdq,Wd         sse4_1
66.25   pmovsxdq     Vdq,Wq         sse4_1
66.28   pmuldq       Vdq,Wdq        sse4_1
66.29   pcmpeqq      Vdq,Wdq        sse4_1
66.2B   packusdw     Vdq,Wdq        sse4_1
66.30   pmovzxbw     Vdq,Wq         sse4_1
66.31   pmovzxbd     Vdq,Wd         sse4_1
66.32   pmovzxbq     Vdq,Ww         sse4_1
66.33   pmovzxwd     Vdq,Wq         sse4_1
66.34   pmovzxwq     Vdq,Wd         sse4_1
66.35   pmovzxdq     Vdq,Wq         sse4_1
66.37   pcmpgtq      Vdq,Wdq        sse4_2
66.38   pminsb       Vdq,Wdq        sse4_1
66.39   pminsd       Vdq,Wdq        sse4_1
66.3A   pminuw       Vdq,Wdq        sse4_1
66.3B   pminud       Vdq,Wdq        sse4_1
66.3C   pmaxsb       Vdq,Wdq        sse4_1
66.3D   pmaxsd       Vdq,Wdq        sse4_1
66.3E   pmaxuw       Vdq,Wdq        sse4_1
66.3F   pmaxud       Vdq,Wdq        sse4_1
66.40   pmulld       Vdq,Wdq        sse4_1
66.41   phminposuw   Vdq,Wdq        sse4_1
NP.C8   sha1nexte    Vdq,Wdq        sha unal
NP.C9   sha1msg1     Vdq,Wdq        sha unal
NP.CA   sha1msg2     Vdq,Wdq        sha unal
NP.CB   sha256rnds2  Vdq,Wdq,XMM0   sha unal
NP.CC   sha256msg1   Vdq,Wdq        sha unal
NP.CD   sha256msg2   Vdq,Wdq        sha unal
66.CF   gf2p8mulb    Vdq,Wdq        gfni
66.DB   aesimc       Vdq,Wdq        aes
66.DC   aesenc       Vdq,Wdq        aes
66.DD   aesenclast   Vdq,Wdq        aes
66.DE   aesdec       Vdq,Wdq        aes
66.DF   aesdeclast   Vdq,Wdq        aes
`;

export const INTEGER_0F3A = `
66.0E   pblendw          Vdq,Wdq,Ib     sse4_1
MX.0F   palignr          Pq,Qq,Ib       ssse3
66.14   pextrb           Ry/Mb,Vdq,Ib   sse4_1
66.15   pextrw           Ry/Mw,Vdq,Ib   sse4_1
66.16   pextrd           Ed,Vdq,Ib      sse4_1 W0
66.16   pextrq           Eq,Vdq,Ib      sse4_1 W1
66.20   pinsrb           Vdq,Ry/Mb,Ib   sse4_1
66.22   pinsrd           Vdq,Ed,Ib      sse4_1 W0
66.22   pinsrq           Vdq,Eq,Ib      sse4_1 W1
66.42   mpsadbw          Vdq,Wdq,Ib     sse4_1
66.44   pclmulqdq        Vdq,Wdq,Ib     pclmulqdq
66.60   pcmpestrm        Vdq,Wdq,Ib     sse4_2 unal
66.61   pcmpestri        Vdq,Wdq,Ib     sse4_2 unal
66.62   pcmpistrm        Vdq,Wdq,Ib     sse4_2 unal
66.63   pcmpistri        Vdq,Wdq,Ib     sse4_2 unal
NP.CC   sha1rnds4        Vdq,Wdq,Ib     sha unal
66.CE   gf2p8affineqb    Vdq,Wdq,Ib     gfni
66.CF   gf2p8affineinvqb Vdq,Wdq,Ib     gfni
66.DF   aeskeygenassist  Vdq,Wdq,Ib     aes
`;
