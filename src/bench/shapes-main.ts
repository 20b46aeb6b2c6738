/**
 * `npm run profile:shapes -- [PACKAGE]`: boots a Debian kernel, lets its shell do some work, and prints which shapes
 * of instruction were executed how often. The head of the list is what belongs into hot-shapes.ts.
 */
import { debianImages } from "../cli/guests.js";
import { generateTier0, useTier0 } from "../engine/interpreter/tier0.js";
import { Machine } from "../machine/machine.js";
import { COUNTERS_AT } from "../machine/memory-layout.js";

const script =
  "for i in 1 2 3 4; do md5sum /bin/busybox | sha256sum; ls -lR /proc/self /sys/class > /tmp/x; sort /tmp/x | grep -c a; done";

const { shapes } = useTier0(generateTier0({ countAt: COUNTERS_AT }));
const images = await debianImages({
  kernelPackage: process.argv[2] ?? "linux-image-cloud-amd64",
  append: undefined,
  script,
  progress: (text) => console.error(text),
});
const machine = await Machine.create({ ...images, clock: "virtual" });
await machine.run();
const counts = new BigUint64Array(machine.rawMemory, COUNTERS_AT, shapes.count);
const total = counts.reduce((sum, count) => sum + count, 0n);
const ranked = [...counts.entries()].filter(([, count]) => count > 0n).sort((a, b) => Number(b[1] - a[1]));
for (const [handler, count] of ranked) {
  const share = ((Number(count) / Number(total)) * 100).toFixed(3);
  console.log(`${share.padStart(7)} % ${shapes.key(handler) ?? `special ${handler}`}`);
}
machine.dispose();
