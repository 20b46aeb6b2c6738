/**
 * What the workload's guest does, as a shell script: process 1 of the guest.
 *
 * Marks around each piece of work are those of the kit's kernels (serial.ts). Only the program is between them;
 * what its result amounts to is found out afterwards. Everything is the same in each run: the same files, no
 * random hash seeds, no time stamps in compressed files.
 */

/** The suites of Python's own tests. */
export const pythonTests = [
  "test_grammar",
  "test_json",
  "test_math",
  "test_float",
  "test_struct",
  "test_zlib",
] as const;

/** What is done, in order, with what it counts. */
export const workloadUnits: Readonly<Record<string, string>> = {
  ...Object.fromEntries(pythonTests.map((name) => [name, "tests"])),
  sha256: "bytes",
  aes_encrypt: "bytes",
  aes_decrypt: "bytes",
  speed_sha256: "bytes",
  speed_aes: "bytes",
  gzip: "bytes",
  gunzip: "bytes",
  xz: "bytes",
  unxz: "bytes",
};

/** Work whose amount depends on the machine's speed: there is nothing to compare but the rate. */
export const timedWork: readonly string[] = ["speed_sha256", "speed_aes"];

/** Bytes at 100 %. */
const PLAIN = 64_000_000;
const FILE = 20_000_000;
/** How many times the plain bytes are hashed. */
const HASHES = 4;
/** Seconds of `openssl speed`. */
const SPEED = 3;

const percent = (bytes: number): string => `$((${bytes / 100} * scale))`;

export const workloadScript = `#!/bin/sh
export PATH=/usr/bin:/bin HOME=/root LC_ALL=C PYTHONHASHSEED=0
mount -t proc proc /proc; mount -t sysfs sysfs /sys; mount -t devtmpfs devtmpfs /dev; mount -t tmpfs tmpfs /tmp
exec </dev/ttyS0 >/dev/ttyS0 2>&1
echo "INIT START"
scale=100
for word in $(cat /proc/cmdline); do
  case $word in work.scale=*) scale=\${word#*=} ;; esac
done
plain=${percent(PLAIN)} size=${percent(FILE)}
cd /tmp

begin() { echo "@P $1"; echo "@B"; }
end() { echo "@E"; }
result() { # NAME UNITS SUM
  echo "@R $1 $scale $2 0 0 $3"
}
failed() { # NAME REASON
  echo "@N $2"; echo "@R $1 $scale FAILED"
}
sum() { openssl dgst -sha256 -r "$@" | cut -c1-16; }

for name in ${pythonTests.join(" ")}; do
  begin $name
  python3.11 -m test -v $name >out 2>&1; status=$?
  end
  grep -E ' \\.\\.\\. (ok|FAIL|ERROR|skipped|expected failure|unexpected success)' out >verdicts
  ran=$(sed -n 's/^Ran \\([0-9]*\\) tests\\? in .*/\\1/p' out)
  if [ $status = 0 ] && [ -n "$ran" ]; then
    echo "@N $ran tests, $(grep -c ' ok$' verdicts) ok, $(grep -c ' skipped ' verdicts) skipped"
    result $name $ran $(sum verdicts)
  else
    grep -E '^(FAIL|ERROR|[A-Za-z]*Error)' out | head -5 | sed 's/^/@N /'
    failed $name "status $status, $ran tests ran"
  fi
done

key="-K 000102030405060708090a0b0c0d0e0f -iv 0f0e0d0c0b0a09080706050403020100"
head -c $plain /dev/zero | openssl enc -aes-128-ctr $key -out plain
begin sha256
for turn in ${Array.from({ length: HASHES }, (_, turn) => turn + 1).join(" ")}; do
  openssl dgst -sha256 -r plain >out
done
end
result sha256 $((plain * ${HASHES})) $(cut -c1-16 out)
begin aes_encrypt
openssl enc -aes-128-cbc $key -in plain -out cipher; status=$?
end
if [ $status = 0 ]; then result aes_encrypt $plain $(sum cipher); else failed aes_encrypt "status $status"; fi
begin aes_decrypt
openssl enc -d -aes-128-cbc $key -in cipher -out back; status=$?
end
if [ $status = 0 ] && cmp plain back; then result aes_decrypt $plain $(sum back)
else failed aes_decrypt "not what was encrypted"; fi
rm -f plain cipher back

speed() { # NAME ALGORITHM
  begin $1
  openssl speed -mr -elapsed -seconds ${SPEED} -bytes 16384 -evp $2 >out 2>&1
  end
  blocks=$(sed -n 's/^+R:\\([0-9]*\\):.*/\\1/p' out)
  if [ -n "$blocks" ]; then
    echo "@N the guest's own figure: $(sed -n 's/^+F:.*:\\([0-9]*\\)\\..*/\\1/p' out) bytes a second"
    result $1 $((blocks * 16384)) 0000000000000000
  else failed $1 "$(tail -1 out)"; fi
}
speed speed_sha256 sha256
speed speed_aes aes-128-cbc

find /usr/lib /usr/bin -type f \\( -name '*.py' -o -name '*.so*' -o -path '/usr/bin/*' \\) | sort | xargs cat | head -c $size >file
[ $(stat -c %s file) = $size ] || echo "@N the file to compress is too short"
pack() { # NAME UNPACK PROGRAM OPTIONS
  begin $1
  $3 $4 -c file >packed; status=$?
  end
  if [ $status = 0 ]; then
    echo "@N $(stat -c %s packed) of $size bytes"
    result $1 $size $(sum packed)
  else failed $1 "status $status"; fi
  begin $2
  $3 -d -c packed >back; status=$?
  end
  if [ $status = 0 ] && $3 -t <packed && cmp file back; then result $2 $size $(sum back)
  else failed $2 "not what was packed"; fi
  rm -f packed back
}
# By their paths: the shell has programs of its own with these names.
pack gzip gunzip /bin/gzip "-6 -n"
pack xz unxz /usr/bin/xz "-6 -T1"
echo "VTBENCH DONE"
sync
poweroff -f
`;
