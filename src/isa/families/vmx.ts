/**
 * VMX: VMXON VMXOFF VMCLEAR VMPTRLD VMPTRST VMREAD VMWRITE VMLAUNCH VMRESUME VMCALL VMFUNC INVEPT INVVPID (SDM vol. 3,
 * chapter 31).
 *
 * An instruction goes by its VM-exit reason (appendix C). `beginVmx` comes before the operands: it raises #UD, exits
 * from VMX non-root operation, and checks privilege.
 */
import { I32 } from "../../wasm/value.js";
import { define } from "../emit.js";
import { helper } from "../helper.js";

const ends = { endsBlock: true } as const;
const none = I32.const(-1);

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

define("vmread", (x) => {
  const encoding = x.registerNumber(1);
  if (!x.isMemory(0)) {
    x.run(vmreadRegister, encoding, x.registerNumber(0));
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
    x.run(vmwriteRegister, encoding, x.registerNumber(1));
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
