/**
 * VEX opcode map 3 (0F 3A): AVX, AVX2, F16C, BMI2, VPCLMULQDQ, GFNI. Intel SDM vol. 2D, table A-5.
 * Rows without `L` accept both lengths (LIG), rows without `W` both values (WIG). Notation: `../row.ts`.
 */

export const VEX_0F3A = `
66.00  vpermq            Vqq,Wqq,Ib        avx2 L1 W1
66.01  vpermpd           Vqq,Wqq,Ib        avx2 L1 W1
66.02  vpblendd          Vx,Hx,Wx,Ib       avx2 W0
66.04  vpermilps         Vps,Wps,Ib        avx W0
66.05  vpermilpd         Vpd,Wpd,Ib        avx W0
66.06  vperm2f128        Vqq,Hqq,Wqq,Ib    avx L1 W0
66.08  vroundps          Vps,Wps,Ib        avx
66.09  vroundpd          Vpd,Wpd,Ib        avx
66.0A  vroundss          Vss,Hss,Wss,Ib    avx
66.0B  vroundsd          Vsd,Hsd,Wsd,Ib    avx
66.0C  vblendps          Vps,Hps,Wps,Ib    avx
66.0D  vblendpd          Vpd,Hpd,Wpd,Ib    avx
66.0E  vpblendw          Vx,Hx,Wx,Ib       avx|avx2
66.0F  vpalignr          Vx,Hx,Wx,Ib       avx|avx2
66.14  vpextrb           Ry/Mb,Vdq,Ib      avx L0
66.15  vpextrw           Ry/Mw,Vdq,Ib      avx L0
66.16  vpextrd           Ed,Vdq,Ib         avx L0 W0
66.16  vpextrd           Ed,Vdq,Ib         avx L0 W1 i64
66.16  vpextrq           Eq,Vdq,Ib         avx L0 W1 o64
66.17  vextractps        Ry/Md,Vdq,Ib      avx L0
66.18  vinsertf128       Vqq,Hqq,Wdq,Ib    avx L1 W0
66.19  vextractf128      Wdq,Vqq,Ib        avx L1 W0
66.1D  vcvtps2ph         Wx/2,Vx,Ib        f16c+avx W0
66.20  vpinsrb           Vdq,Hdq,Ry/Mb,Ib  avx L0
66.21  vinsertps         Vdq,Hdq,Udq/Md,Ib avx L0
66.22  vpinsrd           Vdq,Hdq,Ed,Ib     avx L0 W0
66.22  vpinsrd           Vdq,Hdq,Ed,Ib     avx L0 W1 i64
66.22  vpinsrq           Vdq,Hdq,Eq,Ib     avx L0 W1 o64
66.38  vinserti128       Vqq,Hqq,Wdq,Ib    avx2 L1 W0
66.39  vextracti128      Wdq,Vqq,Ib        avx2 L1 W0
66.40  vdpps             Vps,Hps,Wps,Ib    avx
66.41  vdppd             Vdq,Hdq,Wdq,Ib    avx L0
66.42  vmpsadbw          Vx,Hx,Wx,Ib       avx|avx2
66.44  vpclmulqdq        Vx,Hx,Wx,Ib       pclmulqdq+avx|vpclmulqdq
66.46  vperm2i128        Vqq,Hqq,Wqq,Ib    avx2 L1 W0
66.4A  vblendvps         Vps,Hps,Wps,Lx    avx W0
66.4B  vblendvpd         Vpd,Hpd,Wpd,Lx    avx W0
66.4C  vpblendvb         Vx,Hx,Wx,Lx       avx|avx2 W0
66.60  vpcmpestrm        Vdq,Wdq,Ib        avx L0
66.61  vpcmpestri        Vdq,Wdq,Ib        avx L0
66.62  vpcmpistrm        Vdq,Wdq,Ib        avx L0
66.63  vpcmpistri        Vdq,Wdq,Ib        avx L0
66.CE  vgf2p8affineqb    Vx,Hx,Wx,Ib       gfni+avx W1
66.CF  vgf2p8affineinvqb Vx,Hx,Wx,Ib       gfni+avx W1
66.DF  vaeskeygenassist  Vdq,Wdq,Ib        aes+avx L0
F2.F0  rorx              Gy,Ey,Ib          bmi2 L0
`;
