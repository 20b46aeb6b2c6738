/** What the tests of KVM inside vt86 share: Debian's kernel with kvm_intel and programs that use it. */
import assert from "node:assert/strict";
import { SCRIPT_END } from "../boot/initramfs.js";
import { type DebianGuestOptions, debianGuest } from "../boot/node/debian-guest.js";
import { assertNoComplaints, type GuestOptions, type GuestRun, runGuest } from "./guests.test.helper.js";
import { KVM_PROGRAM_WORKED, kvmProgram } from "./kvm-program.test.helper.js";

const MIB = 0x100000;

/** Debian's kernel for the first guest, and for the guests in it. */
export const CLOUD = "linux-image-cloud-amd64";

/** What kvm_intel shows of the processor. */
const PARAMETERS = [
  "ept",
  "vpid",
  "unrestricted_guest",
  "flexpriority",
  "pml",
  "vnmi",
  "preemption_timer",
  "enable_shadow_vmcs",
  "enable_apicv",
  "nested",
] as const;

const PROGRAM_PATH = "/bin/kvm-program";
/** The program, for a guest's `files`. */
export const KVM_PROGRAM = { path: PROGRAM_PATH, data: kvmProgram(), mode: 0o755 };
/** Shell commands that run it; its exit status is theirs. */
export const RUN_KVM_PROGRAM = `timeout 60 ${PROGRAM_PATH}`;

export interface KvmRun extends Pick<DebianGuestOptions, "files">, Pick<GuestOptions, "memory" | "seconds"> {
  readonly cpu: string;
  /** Its exit status has to be 0. */
  readonly script: string;
}

/** Runs a script in Debian's cloud kernel with kvm_intel, and checks that nobody complained. */
export async function runWithKvm({ script, files, cpu, memory, seconds }: KvmRun): Promise<GuestRun> {
  const guest = { kernelPackage: CLOUD, modules: ["kvm_intel"], script, ...(files ? { files } : {}) };
  const { name, kernel, initrd } = await debianGuest(guest);
  const run = await runGuest({
    kernel: { name, data: kernel, commandLine: "console=ttyS0" },
    modules: [{ name: "initrd", data: initrd }],
    cpu,
    memory: memory ?? 512 * MIB,
    seconds,
  });
  const tail = run.output.slice(-3000);
  assert.ok(run.output.includes(`${SCRIPT_END} 0`), tail);
  assert.equal(run.exit.reason, "power-off", tail);
  assertNoComplaints(run);
  return run;
}

/** Runs {@link kvmProgram} on a processor. Returns kvm_intel's parameters. */
export async function runKvm(cpu: string, seconds = 200): Promise<Record<string, string>> {
  const script = `
for name in ${PARAMETERS.join(" ")}; do
  echo "parameter $name $(cat /sys/module/kvm_intel/parameters/$name)"
done
${RUN_KVM_PROGRAM}
`;
  const { output } = await runWithKvm({ cpu, script, files: [KVM_PROGRAM], seconds });
  assert.ok(output.includes(KVM_PROGRAM_WORKED), output.slice(-3000));
  const lines = output.matchAll(/^parameter (\w+) (\w+)\r?$/gm);
  return Object.fromEntries([...lines].map(([, name, value]) => [name, value]));
}
