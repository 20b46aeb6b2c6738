/**
 * The registers that GDB is told of: one fixed x86-64 description, whatever mode the guest is in (GDB manual,
 * appendix G). A description that changes with the mode is the classic failure of remote debugging x86.
 */

export interface GdbRegister {
  readonly name: string;
  readonly bits: 32 | 64 | 80 | 128;
  readonly type?: string;
  readonly group?: string;
}

const general = [
  "rax",
  "rbx",
  "rcx",
  "rdx",
  "rsi",
  "rdi",
  "rbp",
  "rsp",
  "r8",
  "r9",
  "r10",
  "r11",
  "r12",
  "r13",
  "r14",
  "r15",
];
const word = (name: string, type = "int"): GdbRegister => ({ name, bits: 32, type });
const wide = (name: string, type = "int64"): GdbRegister => ({ name, bits: 64, type });

const core: readonly GdbRegister[] = [
  ...general.map((name) => wide(name, name === "rsp" || name === "rbp" ? "data_ptr" : "int64")),
  wide("rip", "code_ptr"),
  word("eflags", "i386_eflags"),
  ...["cs", "ss", "ds", "es", "fs", "gs"].map((name) => word(name)),
  ...Array.from({ length: 8 }, (_, i): GdbRegister => ({ name: `st${i}`, bits: 80, type: "i387_ext" })),
  ...["fctrl", "fstat", "ftag", "fiseg", "fioff", "foseg", "fooff", "fop"].map(
    (name): GdbRegister => ({ name, bits: 32, type: "int", group: "float" }),
  ),
];

const sse: readonly GdbRegister[] = [
  ...Array.from({ length: 16 }, (_, i): GdbRegister => ({ name: `xmm${i}`, bits: 128, type: "vec128" })),
  { name: "mxcsr", bits: 32, type: "i386_mxcsr", group: "vector" },
];

const avx: readonly GdbRegister[] = Array.from(
  { length: 16 },
  (_, i): GdbRegister => ({ name: `ymm${i}h`, bits: 128, type: "uint128" }),
);

const segments: readonly GdbRegister[] = [wide("fs_base"), wide("gs_base")];

const system: readonly GdbRegister[] = [
  ...["k_gs_base", "cr0", "cr2", "cr3", "cr4", "cr8", "efer"],
  ...["dr0", "dr1", "dr2", "dr3", "dr6", "dr7"],
  ...["cs_base", "ss_base", "ds_base", "es_base", "ldtr", "ldtr_base", "tr", "tr_base"],
  ...["gdtr_base", "gdtr_limit", "idtr_base", "idtr_limit"],
  ...["apic_base", "sysenter_cs", "sysenter_esp", "sysenter_eip", "misc_enable", "pat"],
  ...["star", "lstar", "cstar", "fmask", "tsc_aux", "xcr0"],
].map((name) => wide(name));

/** All registers in the order of the `g` packet. */
export const gdbRegisters: readonly GdbRegister[] = [...core, ...sse, ...avx, ...segments, ...system];

const eflags = [
  "CF",
  "",
  "PF",
  "",
  "AF",
  "",
  "ZF",
  "SF",
  "TF",
  "IF",
  "DF",
  "OF",
  "",
  "",
  "NT",
  "",
  "RF",
  "VM",
  "AC",
  "VIF",
  "VIP",
  "ID",
];
const mxcsr = ["IE", "DE", "ZE", "OE", "UE", "PE", "DAZ", "IM", "DM", "ZM", "OM", "UM", "PM", "", "", "FZ"];

const flagType = (id: string, names: readonly string[]): string =>
  `<flags id="${id}" size="4">${names
    .map((name, bit) => (name === "" ? "" : `<field name="${name}" start="${bit}" end="${bit}"/>`))
    .join("")}</flags>`;

const rows = (registers: readonly GdbRegister[]): string =>
  registers
    .map(
      ({ name, bits, type, group }) =>
        `<reg name="${name}" bitsize="${bits}"${type ? ` type="${type}"` : ""}${group ? ` group="${group}"` : ""}/>`,
    )
    .join("\n");

const vectorTypes = `<vector id="v4f" type="ieee_single" count="4"/><vector id="v2d" type="ieee_double" count="2"/>
<vector id="v16i8" type="int8" count="16"/><vector id="v8i16" type="int16" count="8"/>
<vector id="v4i32" type="int32" count="4"/><vector id="v2i64" type="int64" count="2"/>
<union id="vec128"><field name="v4_float" type="v4f"/><field name="v2_double" type="v2d"/><field name="v16_int8" type="v16i8"/>
<field name="v8_int16" type="v8i16"/><field name="v4_int32" type="v4i32"/><field name="v2_int64" type="v2i64"/>
<field name="uint128" type="uint128"/></union>`;

/** `target.xml`. */
export const targetDescription = `<?xml version="1.0"?><!DOCTYPE target SYSTEM "gdb-target.dtd">
<target version="1.0"><architecture>i386:x86-64</architecture>
<feature name="org.gnu.gdb.i386.core">${flagType("i386_eflags", eflags)}
${rows(core)}</feature>
<feature name="org.gnu.gdb.i386.sse">${vectorTypes}${flagType("i386_mxcsr", mxcsr)}
${rows(sse)}</feature>
<feature name="org.gnu.gdb.i386.avx">${rows(avx)}</feature>
<feature name="org.gnu.gdb.i386.segments">${rows(segments)}</feature>
<feature name="org.vt86.system">${rows(system)}</feature></target>`;
