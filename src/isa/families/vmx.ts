/**
 * VMX: VMXON VMXOFF VMCLEAR VMPTRLD VMPTRST VMREAD VMWRITE VMLAUNCH VMRESUME VMCALL VMFUNC INVEPT INVVPID (SDM vol. 3,
 * chapter 31).
 *
 * An instruction goes by its VM-exit reason (appendix C). `beginVmx` comes before the operands: it raises #UD, exits
 * from VMX non-root operation, and checks privilege.
 */
import { load } from "../../wasm/function.js";
import { I32, I64 } from "../../wasm/value.js";
import { define, type Emit } from "../emit.js";
import { helper } from "../helper.js";
import { CPL, CURRENT_VMCS, VMCS_LAYOUT, VmcsWord } from "../state.js";

const ends = { endsBlock: true } as const;
const none = I32.const(-1);
/** Encodings of VMCS fields are below this. */
const ENCODINGS = 0x8000n;

/** (exit reason, register in the place of a memory operand or -1, register operand or -1) */
const beginVmx = helper("beginVmx", ["i32", "i32", "i32"]);

/** (exit reason, pointer) */
const vmxPointer = helper("vmxPointer", ["i32", "i64"]);

for (const [mnemonic, number] of [
  ["vmclear", 19],
  ["vmptrld", 21],
  ["vmxon", 27],
] as const) {
  const reason = I32.const(number);
  define(
    mnemonic,
    (x) => {
      x.run(beginVmx, reason, none, none);
      x.run(vmxPointer, reason, x.read(0));
    },
    ends,
  );
}

/** VMsucceed, after a store that may fault. */
const vmxSucceed = helper("vmxSucceed");
const vmptrst = helper("vmptrst", [], "i64");
define("vmptrst", (x) => {
  x.run(beginVmx, I32.const(22), none, none);
  x.write(0, x.call(vmptrst));
  x.run(vmxSucceed);
});

/** (exit reason): the rest of VMLAUNCH and VMRESUME. */
const vmEntry = helper("vmEntry", ["i32"], "i32");
for (const [mnemonic, number] of [
  ["vmlaunch", 20],
  ["vmresume", 24],
] as const) {
  const reason = I32.const(number);
  define(
    mnemonic,
    (x) => {
      x.run(beginVmx, reason, none, none);
      x.control(vmEntry, reason);
    },
    ends,
  );
}

const vmxoff = helper("vmxoff");
define(
  "vmxoff",
  (x) => {
    x.run(beginVmx, I32.const(26), none, none);
    x.run(vmxoff);
  },
  ends,
);

const vmcall = helper("vmcall");
define("vmcall", (x) => x.run(vmcall), ends);
const vmfunc = helper("vmfunc");
define("vmfunc", (x) => x.run(vmfunc), ends);

// (register with the encoding). The checks return 0 after VMfail.
const checkVmread = helper("checkVmread", ["i32"], "i32");
const checkVmwrite = helper("checkVmwrite", ["i32"], "i32");
const vmread = helper("vmread", ["i32"], "i64");
/** (register with the encoding, value) */
const vmwrite = helper("vmwrite", ["i32", "i64"]);

// Between registers, all in one: (register with the encoding, the other register).
const vmreadRegister = helper("vmreadRegister", ["i32", "i32"]);
const vmwriteRegister = helper("vmwriteRegister", ["i32", "i32"]);

/**
 * VMREAD and VMWRITE of registers in 64-bit mode: inline in VMX root operation at privilege 0, with a current VMCS and
 * a field that exists. Everything else is for the helper.
 * @param needed bit of {@link VmcsWord}
 * @param access gets the address of the field, and how many bits fewer than 64 it has
 */
function inRoot(
  x: Emit,
  encoding: I64,
  needed: number,
  access: (field: I32, narrower: I32) => void,
  helped: () => void,
): void {
  const { f } = x;
  const vmcs = x.let(x.stateI32(CURRENT_VMCS));
  const word = f.local("i32");
  f.set(word, I32.const(0));
  const usable = vmcs.ne(0).and(x.stateI32(CPL).eqz()).and(encoding.ltU(ENCODINGS));
  f.if(usable, () => f.set(word, load.i32_16u(x.stateI32(VMCS_LAYOUT).add(encoding.toI32().shl(1)))));
  f.if(
    word.value.and(needed),
    () => {
      const bits = word.value.shrU(VmcsWord.narrowerShift - 4).and(VmcsWord.narrower << 4);
      access(x.let(vmcs.add(word.value.and(VmcsWord.offset))), x.let(bits));
      x.flags.explicit(I64.const(0));
    },
    helped,
  );
}

define("vmread", (x) => {
  const encoding = x.registerNumber(1);
  if (!x.isMemory(0)) {
    const helped = () => x.run(vmreadRegister, encoding, x.registerNumber(0));
    if (x.width(0) !== 64) helped();
    else {
      const read = (field: I32, narrower: I32) => {
        const shift = x.let(narrower.toI64U());
        x.write(0, load.i64(field).shl(shift).shrU(shift));
      };
      inRoot(x, x.let(x.read(1)), VmcsWord.exists, read, helped);
    }
    return;
  }
  x.run(beginVmx, I32.const(23), none, encoding);
  x.f.if(x.call(checkVmread, encoding), () => {
    x.write(0, x.call(vmread, encoding));
    x.run(vmxSucceed);
  });
});

define("vmwrite", (x) => {
  const encoding = x.registerNumber(0);
  if (!x.isMemory(1)) {
    const helped = () => x.run(vmwriteRegister, encoding, x.registerNumber(1));
    if (x.width(1) !== 64) helped();
    else {
      const write = (field: I32, narrower: I32) => {
        const { f } = x;
        const value = x.let(x.read(1));
        f.if(
          narrower.eqz(),
          () => f.storeInt(64, field, value),
          () =>
            f.if(
              narrower.and(16),
              () => f.storeInt(16, field, value),
              () => f.storeInt(32, field, value),
            ),
        );
      };
      inRoot(x, x.let(x.read(0)), VmcsWord.writable, write, helped);
    }
    return;
  }
  x.run(beginVmx, I32.const(25), none, encoding);
  x.f.if(x.call(checkVmwrite, encoding), () => x.run(vmwrite, encoding, x.read(1)));
});

/** (exit reason, type); 0 after VMfail. */
const checkInvalidationType = helper("checkInvalidationType", ["i32", "i64"], "i32");
/** (exit reason, type, low and high half of the descriptor) */
const invalidateTranslations = helper("invalidateTranslations", ["i32", "i64", "i64", "i64"]);
for (const [mnemonic, number] of [
  ["invept", 50],
  ["invvpid", 53],
] as const) {
  const reason = I32.const(number);
  define(
    mnemonic,
    (x) => {
      x.run(beginVmx, reason, none, x.registerNumber(0));
      const type = x.read(0);
      x.f.if(x.call(checkInvalidationType, reason, type), () => {
        const linear = x.linearAddress(1, "read");
        const low = x.load(64, linear);
        x.run(invalidateTranslations, reason, type, low, x.load(64, linear.add(8)));
      });
    },
    ends,
  );
}
