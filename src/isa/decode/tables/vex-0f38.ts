/**
 * VEX opcode map 2 (0F 38): AVX, AVX2, FMA, F16C, BMI, VAES, GFNI. Intel SDM vol. 2D, table A-4, group 17 of
 * table A-6. Rows without `L` accept both lengths (LIG), rows without `W` both values (WIG). Notation: `../row.ts`.
 */

const hex = (n: number) => n.toString(16).padStart(2, "0");

/** FMA: three operand orders at 96-9F, A6-AF and B6-BF; W selects the element. */
const fma = ["132", "213", "231"]
  .map((order, i) => {
    const base = 0x90 + 16 * i;
    const packed = ["vfmaddsub", "vfmsubadd", "vfmadd", "", "vfmsub", "", "vfnmadd", "", "vfnmsub"];
    const scalar = ["", "", "", "vfmadd", "", "vfmsub", "", "vfnmadd", "", "vfnmsub"];
    const lines: string[] = [];
    packed.forEach((name, j) => {
      if (name === "") return;
      lines.push(`66.${hex(base + 6 + j)} ${name}${order}ps Vps,Hps,Wps fma+avx W0`);
      lines.push(`66.${hex(base + 6 + j)} ${name}${order}pd Vpd,Hpd,Wpd fma+avx W1`);
    });
    scalar.forEach((name, j) => {
      if (name === "") return;
      lines.push(`66.${hex(base + 6 + j)} ${name}${order}ss Vss,Hss,Wss fma+avx W0`);
      lines.push(`66.${hex(base + 6 + j)} ${name}${order}sd Vsd,Hsd,Wsd fma+avx W1`);
    });
    return lines.join("\n");
  })
  .join("\n");

export const VEX_0F38 = `
${fma}
66.00  vpshufb         Vx,Hx,Wx       avx|avx2
66.01  vphaddw         Vx,Hx,Wx       avx|avx2
66.02  vphaddd         Vx,Hx,Wx       avx|avx2
66.03  vphaddsw        Vx,Hx,Wx       avx|avx2
66.04  vpmaddubsw      Vx,Hx,Wx       avx|avx2
66.05  vphsubw         Vx,Hx,Wx       avx|avx2
66.06  vphsubd         Vx,Hx,Wx       avx|avx2
66.07  vphsubsw        Vx,Hx,Wx       avx|avx2
66.08  vpsignb         Vx,Hx,Wx       avx|avx2
66.09  vpsignw         Vx,Hx,Wx       avx|avx2
66.0A  vpsignd         Vx,Hx,Wx       avx|avx2
66.0B  vpmulhrsw       Vx,Hx,Wx       avx|avx2
66.0C  vpermilps       Vps,Hps,Wps    avx W0
66.0D  vpermilpd       Vpd,Hpd,Wpd    avx W0
66.0E  vtestps         Vps,Wps        avx W0
66.0F  vtestpd         Vpd,Wpd        avx W0
66.13  vcvtph2ps       Vx,Wx/2        f16c+avx W0
66.16  vpermps         Vqq,Hqq,Wqq    avx2 L1 W0
66.17  vptest          Vx,Wx          avx
66.18  vbroadcastss    Vx,Md          avx W0
66.18  vbroadcastss    Vx,Uss         avx2 W0
66.19  vbroadcastsd    Vqq,Mq         avx L1 W0
66.19  vbroadcastsd    Vqq,Usd        avx2 L1 W0
66.1A  vbroadcastf128  Vqq,Mdq        avx L1 W0
66.1C  vpabsb          Vx,Wx          avx|avx2
66.1D  vpabsw          Vx,Wx          avx|avx2
66.1E  vpabsd          Vx,Wx          avx|avx2
66.20  vpmovsxbw       Vx,Wx/2        avx|avx2
66.21  vpmovsxbd       Vx,Wx/4        avx|avx2
66.22  vpmovsxbq       Vx,Wx/8        avx|avx2
66.23  vpmovsxwd       Vx,Wx/2        avx|avx2
66.24  vpmovsxwq       Vx,Wx/4        avx|avx2
66.25  vpmovsxdq       Vx,Wx/2        avx|avx2
66.28  vpmuldq         Vx,Hx,Wx       avx|avx2
66.29  vpcmpeqq        Vx,Hx,Wx       avx|avx2
66.2A  vmovntdqa       Vx,Mx          avx|avx2 aligned
66.2B  vpackusdw       Vx,Hx,Wx       avx|avx2
66.2C  vmaskmovps      Vps,Hps,Mps    avx W0
66.2D  vmaskmovpd      Vpd,Hpd,Mpd    avx W0
66.2E  vmaskmovps      Mps,Hps,Vps    avx W0
66.2F  vmaskmovpd      Mpd,Hpd,Vpd    avx W0
66.30  vpmovzxbw       Vx,Wx/2        avx|avx2
66.31  vpmovzxbd       Vx,Wx/4        avx|avx2
66.32  vpmovzxbq       Vx,Wx/8        avx|avx2
66.33  vpmovzxwd       Vx,Wx/2        avx|avx2
66.34  vpmovzxwq       Vx,Wx/4        avx|avx2
66.35  vpmovzxdq       Vx,Wx/2        avx|avx2
66.36  vpermd          Vqq,Hqq,Wqq    avx2 L1 W0
66.37  vpcmpgtq        Vx,Hx,Wx       avx|avx2
66.38  vpminsb         Vx,Hx,Wx       avx|avx2
66.39  vpminsd         Vx,Hx,Wx       avx|avx2
66.3A  vpminuw         Vx,Hx,Wx       avx|avx2
66.3B  vpminud         Vx,Hx,Wx       avx|avx2
66.3C  vpmaxsb         Vx,Hx,Wx       avx|avx2
66.3D  vpmaxsd         Vx,Hx,Wx       avx|avx2
66.3E  vpmaxuw         Vx,Hx,Wx       avx|avx2
66.3F  vpmaxud         Vx,Hx,Wx       avx|avx2
66.40  vpmulld         Vx,Hx,Wx       avx|avx2
66.41  vphminposuw     Vdq,Wdq        avx L0
66.45  vpsrlvd         Vx,Hx,Wx       avx2 W0
66.45  vpsrlvq         Vx,Hx,Wx       avx2 W1
66.46  vpsravd         Vx,Hx,Wx       avx2 W0
66.47  vpsllvd         Vx,Hx,Wx       avx2 W0
66.47  vpsllvq         Vx,Hx,Wx       avx2 W1
66.58  vpbroadcastd    Vx,Wd          avx2 W0
66.59  vpbroadcastq    Vx,Wq          avx2 W0
66.5A  vbroadcasti128  Vqq,Mdq        avx2 L1 W0
66.78  vpbroadcastb    Vx,Wb          avx2 W0
66.79  vpbroadcastw    Vx,Ww          avx2 W0
66.8C  vpmaskmovd      Vx,Hx,Mx       avx2 W0
66.8C  vpmaskmovq      Vx,Hx,Mx       avx2 W1
66.8E  vpmaskmovd      Mx,Hx,Vx       avx2 W0
66.8E  vpmaskmovq      Mx,Hx,Vx       avx2 W1
66.90  vpgatherdd      Vx,Td,Hx       avx2 W0
66.90  vpgatherdq      Vx,Tq,Hx       avx2 W1
66.91  vpgatherqd      Vx/2,Td,Hx/2   avx2 W0
66.91  vpgatherqq      Vx,Tq,Hx       avx2 W1
66.92  vgatherdps      Vx,Td,Hx       avx2 W0
66.92  vgatherdpd      Vx,Tq,Hx       avx2 W1
66.93  vgatherqps      Vx/2,Td,Hx/2   avx2 W0
66.93  vgatherqpd      Vx,Tq,Hx       avx2 W1
66.CF  vgf2p8mulb      Vx,Hx,Wx       gfni+avx W0
66.DB  vaesimc         Vdq,Wdq        aes+avx L0
66.DC  vaesenc         Vx,Hx,Wx       aes+avx|vaes
66.DD  vaesenclast     Vx,Hx,Wx       aes+avx|vaes
66.DE  vaesdec         Vx,Hx,Wx       aes+avx|vaes
66.DF  vaesdeclast     Vx,Hx,Wx       aes+avx|vaes
NP.F2  andn            Gy,By,Ey       bmi1 L0
NP.F3/1 blsr           By,Ey          bmi1 L0
NP.F3/2 blsmsk         By,Ey          bmi1 L0
NP.F3/3 blsi           By,Ey          bmi1 L0
NP.F5  bzhi            Gy,Ey,By       bmi2 L0
F3.F5  pext            Gy,By,Ey       bmi2 L0
F2.F5  pdep            Gy,By,Ey       bmi2 L0
F2.F6  mulx            Gy,By,Ey       bmi2 L0
NP.F7  bextr           Gy,Ey,By       bmi1 L0
66.F7  shlx            Gy,Ey,By       bmi2 L0
F3.F7  sarx            Gy,Ey,By       bmi2 L0
F2.F7  shrx            Gy,Ey,By       bmi2 L0
`;
