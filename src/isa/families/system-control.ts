/**
 * Machine control: LMSW SMSW CLTS, CLI STI STAC CLAC, HLT MONITOR MWAIT, INVD WBINVD WBNOINVD INVLPG INVPCID, CPUID,
 * RDMSR WRMSR, RDTSC RDTSCP RDPMC RDPID, XGETBV XSETBV, RDPKRU WRPKRU, SERIALIZE (SDM vol. 2).
 */
import { I32 } from "../../wasm/value.js";
import { define, type Emit, Register } from "../emit.js";
import { Flag } from "../flags.js";
import { type Helper, helper } from "../helper.js";
import {
  BUDGET,
  CPL,
  CR4,
  FLAG_OTHERS,
  INTERCEPTING,
  INTERRUPT_PENDING,
  Intercepting,
  SHADOW,
  TSC_AUX,
} from "../state.js";

const ends = { endsBlock: true } as const;

/** (source operand) */
const loadMachineStatus = helper("loadMachineStatus", ["i32"], "i32");
const storeMachineStatus = helper("storeMachineStatus", [], "i64");
const clearTaskSwitched = helper("clearTaskSwitched", [], "i32");

define("lmsw", (x) => x.control(loadMachineStatus, x.read(0).toI32()), ends);
define("smsw", (x) => x.write(0, x.call(storeMachineStatus)));
define("clts", (x) => x.control(clearTaskSwitched), ends);

// CLI and STI at privilege 0 are short; the rest (IOPL, VME, PVI) is the processor's.
const clearInterruptFlag = helper("clearInterruptFlag");
const setInterruptFlag = helper("setInterruptFlag", [], "i32");
/** Interrupt shadow of STI. */
const SHADOW_STI = 1;

define("cli", (x) => {
  x.f.if(
    x.stateI32(CPL).eqz(),
    () => x.setStateI32(FLAG_OTHERS, x.stateI32(FLAG_OTHERS).and(~Flag.IF)),
    () => x.run(clearInterruptFlag),
  );
});

define(
  "sti",
  (x) => {
    x.f.if(
      x.stateI32(CPL).eqz(),
      () => {
        const flags = x.let(x.stateI32(FLAG_OTHERS));
        x.f.if(flags.and(Flag.IF).eqz(), () => {
          x.setStateI32(FLAG_OTHERS, flags.or(Flag.IF));
          // With nothing waiting, and not before the next instruction, the shadow holds nothing back.
          const quiet = x.stateI32(INTERRUPT_PENDING).eqz().and(x.stateI32(BUDGET).gtS(0));
          x.f.if(quiet.eqz(), () => {
            x.setStateI32(SHADOW, I32.const(SHADOW_STI));
            x.finishWithAttention();
          });
        });
      },
      () => x.control(setInterruptFlag),
    );
  },
  ends,
);

/** STAC and CLAC. (0 or 1) */
const setAccessControl = helper("setAccessControl", ["i32"]);
define("stac", (x) => x.run(setAccessControl, I32.const(1)));
define("clac", (x) => x.run(setAccessControl, I32.const(0)));

const halt = helper("halt", [], "i32");
/** (linear address) */
const monitor = helper("monitor", ["i64"]);
const monitorWait = helper("monitorWait", [], "i32");

define("hlt", (x) => x.control(halt), ends);
define(
  "monitor",
  (x) => {
    const address = x.let(x.readRegister(Register.RAX, x.addressSize));
    x.run(monitor, x.segmentAddress(undefined, address, "read", 1));
  },
  { addressSize: true, long: true },
);
define("mwait", (x) => x.control(monitorWait), ends);

for (const [mnemonic, name] of [
  ["invd", "invalidateCaches"],
  ["wbinvd", "writeBackCaches"],
  ["wbnoinvd", "writeBackCachesNoInvalidate"],
] as const) {
  const operation = helper(name);
  define(mnemonic, (x) => x.run(operation));
}

/** (linear address) */
const invalidatePage = helper("invalidatePage", ["i64"]);
/** (type, linear address of the descriptor) */
const invalidatePcid = helper("invalidatePcid", ["i64", "i64"]);
define("invlpg", (x) => x.run(invalidatePage, x.linearAddress(0, "read", 1)), ends);
define("invpcid", (x) => x.run(invalidatePcid, x.read(0), x.linearAddress(1, "read")), ends);

// These work on EAX, EBX, ECX and EDX in the state.
for (const [mnemonic, name] of [
  ["cpuid", "cpuid"],
  ["rdmsr", "readMsr"],
  ["rdpmc", "readPerformanceCounter"],
  ["xgetbv", "readExtendedControl"],
  ["rdpkru", "readProtectionKeys"],
] as const) {
  const operation = helper(name);
  define(mnemonic, (x) => x.run(operation));
}
for (const [mnemonic, name] of [
  ["xsetbv", "writeExtendedControl"],
  ["wrpkru", "writeProtectionKeys"],
] as const) {
  const operation = helper(name);
  define(mnemonic, (x) => x.run(operation), ends);
}

// RDTSC and RDTSCP: inline unless CR4.TSD forbids it or a hypervisor may want it.
const CR4_TSD = 4;
function timeStamp(x: Emit, helped: Helper<undefined>): void {
  x.f.if(
    x
      .stateI32(INTERCEPTING)
      .and(Intercepting.timeStamp)
      .or(x.stateI32(CR4).and(CR4_TSD).ne(0).and(x.stateI32(CPL).ne(0))),
    () => x.run(helped),
    () => {
      const ticks = x.timeStamp();
      x.writeRegister(Register.RAX, 32, ticks);
      x.writeRegister(Register.RDX, 32, ticks.shrU(32));
      if (x.shape.mnemonic === "rdtscp") x.writeRegister(Register.RCX, 32, x.stateI64(TSC_AUX));
    },
  );
}
const readTimeStamp = helper("readTimeStamp");
const readTimeStampAndProcessor = helper("readTimeStampAndProcessor");
define("rdtsc", (x) => timeStamp(x, readTimeStamp));
define("rdtscp", (x) => timeStamp(x, readTimeStampAndProcessor));

const writeMsr = helper("writeMsr", [], "i32");
define("wrmsr", (x) => x.control(writeMsr), ends);

const readProcessorId = helper("readProcessorId", [], "i64");
define("rdpid", (x) => x.write(0, x.call(readProcessorId)));

// Instructions execute in order here, and code that was changed is decoded again.
define("serialize", () => {});
