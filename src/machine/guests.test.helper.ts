/**
 * What the tests of real guests share: a machine that runs Debian's kernel with a script, and a script that
 * makes the guest work and check its own results. What the results must be is computed here, by the host.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { SCRIPT_END } from "../boot/initramfs.js";
import { debianGuest } from "../boot/node/debian-guest.js";
import type { BootImage, MachineConfig, ModuleFile } from "./config.js";
import { Machine, type MachineExit } from "./machine.js";

/** How a guest's run went. */
export interface GuestRun {
  readonly exit: MachineExit;
  /** Everything that came out of the serial console. */
  readonly output: string;
  readonly instructions: number;
  /** Guest time at the end, in nanoseconds. */
  readonly time: number;
  readonly hash: string;
}

export interface GuestOptions extends Pick<MachineConfig, "cpu" | "memory" | "engine"> {
  readonly kernel: BootImage;
  readonly modules?: readonly ModuleFile[];
  /** Stops the run when it has been printed. */
  readonly until?: string;
  /** Host seconds after which the run is given up. */
  readonly seconds: number;
}

/** Runs a guest on virtual time until it ends, has printed `until`, or its time is up. */
export async function runGuest(options: GuestOptions): Promise<GuestRun> {
  const { kernel, modules, cpu, memory, engine, until, seconds } = options;
  const machine = await Machine.create({
    kernel,
    ...(modules ? { modules } : {}),
    ...(cpu ? { cpu } : {}),
    ...(memory ? { memory } : {}),
    ...(engine ? { engine } : {}),
    clock: "virtual",
    onReset: "stop",
  });
  let output = "";
  const text = new TextDecoder();
  machine.console.listen((bytes) => {
    output += text.decode(bytes, { stream: true });
    if (until !== undefined && output.includes(until)) machine.pause();
  });
  const timer = setTimeout(() => machine.pause(), seconds * 1000);
  try {
    const exit = await machine.run();
    const { instructions, time } = machine;
    return { exit, output, instructions, time, hash: await machine.hash() };
  } finally {
    clearTimeout(timer);
    machine.dispose();
  }
}

export interface DebianRun extends Pick<GuestOptions, "cpu" | "memory" | "engine"> {
  readonly kernelPackage: string;
  readonly script: string;
  readonly commandLine?: string;
  readonly seconds?: number;
}

/** Boots Debian's kernel, runs a script in it, and waits until it has switched itself off. */
export async function runDebian(options: DebianRun): Promise<GuestRun> {
  const {
    kernelPackage,
    script,
    commandLine = "console=ttyS0",
    cpu,
    memory,
    engine,
    seconds = 400,
  } = options;
  const { name, kernel, initrd } = await debianGuest({ kernelPackage, script });
  return runGuest({
    kernel: { name, data: kernel, commandLine },
    modules: [{ name: "initrd", data: initrd }],
    ...(cpu ? { cpu } : {}),
    ...(memory ? { memory } : {}),
    ...(engine ? { engine } : {}),
    seconds,
  });
}

/** Messages by which Linux says that the machine, or itself, is not right. */
const COMPLAINTS =
  /WARNING: CPU|BUG:|Oops|Call Trace|Kernel panic|unchecked MSR|[Uu]nstable|8254 timer not|\[Firmware|MTRRs? .*(wrong|inconsistent|not)|segfault|traps:|invalid opcode|general protection|soft lockup|rcu.*stall|nobody cared|spurious|[Cc]hecksum.*incorrect|ACPI (Error|Warning|BIOS)/;

/** All checks of the script passed, the guest ended as it should, and the kernel had no complaint. */
export function assertWorked({ exit, output }: GuestRun, ending: MachineExit["reason"] = "power-off"): void {
  const tail = output.slice(-2000);
  assert.match(output, /^all checks passed\r?$/m, `the script's checks, at the end of:\n${tail}`);
  if (ending === "power-off") assert.ok(output.includes(`${SCRIPT_END} 0`), tail);
  assert.equal(exit.reason, ending, tail);
  assertNoComplaints({ output });
}

/** No message says that the kernel found something wrong. */
export function assertNoComplaints({ output }: Pick<GuestRun, "output">): void {
  const complaints = output.split(/\r?\n/).filter((line) => COMPLAINTS.test(line));
  assert.deepEqual(complaints, []);
}

const LINES = 20_000;

/** The output of `seq 1 20000`. */
const numbers = Array.from({ length: LINES }, (_, i) => `${i + 1}\n`).join("");
const digest = (algorithm: string): string => createHash(algorithm).update(numbers).digest("hex");
const reciprocals = Array.from({ length: LINES }, (_, i) => 1 / (i + 1)).reduce((sum, term) => sum + term, 0);

/** A shell script for BusyBox that prints `all checks passed` or says which one has failed. */
export const WORK = `
check() {
  if [ "$2" != "$3" ]; then
    echo "check $1 failed: '$2' is not '$3'"
    exit 1
  fi
}
between() {
  if [ "$2" -lt "$3" ] || [ "$2" -gt "$4" ]; then
    echo "check $1 failed: $2 is not between $3 and $4"
    exit 1
  fi
}
cd /tmp

# Checksums of a file.
seq 1 ${LINES} > numbers
check size "$(wc -c < numbers)" ${numbers.length}
check md5 "$(md5sum < numbers | cut -d ' ' -f 1)" ${digest("md5")}
check sha1 "$(sha1sum < numbers | cut -d ' ' -f 1)" ${digest("sha1")}
check sha256 "$(sha256sum < numbers | cut -d ' ' -f 1)" ${digest("sha256")}
check sha512 "$(sha512sum < numbers | cut -d ' ' -f 1)" ${digest("sha512")}

# Compression there and back, and random data that is copied.
gzip -c numbers > numbers.gz
check gzip "$(gunzip -c numbers.gz | md5sum)" "$(md5sum < numbers)"
dd if=/dev/urandom of=random bs=4096 count=64 2> /dev/null
cp random copy
check copy "$(cmp random copy && echo same)" same

# Long integers, floating point.
check bc "$(echo '2 ^ 200 / 3 ^ 50' | bc)" ${2n ** 200n / 3n ** 50n}
check awk "$(awk '{ n += $1; r += 1 / $1 } END { printf "%d %.9f", n, r }' numbers)" "${(LINES * (LINES + 1)) / 2} ${reciprocals.toFixed(9)}"

# Processes: exit statuses, pipes, many at a time, signals.
total=0
for i in 1 2 3 4 5 6 7 8 9 10; do
  (exit "$i") || total=$((total + $?))
done
check fork "$total" 55
check pipe "$(seq 1 3000 | sort -rn | head -n 1000 | tail -n 1 | tr 0-9 a-j)" caab
for i in 1 2 3 4; do
  (sleep 0.2; echo "$i" >> parts) &
done
wait
check background "$(sort parts | tr -d '\\n')" 1234
check signal "$(sh -c 'trap "echo caught" USR1; kill -USR1 $$')" caught

# Time: what the clocks show while the guest sleeps, in hundredths of a second.
uptime() { sed 's/ .*//; s/[.]//' /proc/uptime; }
before=$(uptime); date_before=$(date +%s)
sleep 2
between uptime "$(($(uptime) - before))" 199 240
between date "$(($(date +%s) - date_before))" 1 3
between rtc "$(($(date +%s) - $(cat /sys/class/rtc/rtc0/since_epoch)))" -1 1

echo "all checks passed"
`;
