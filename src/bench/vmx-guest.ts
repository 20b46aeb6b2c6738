/**
 * The guest of `npm run bench -- --only vmx`: Debian's kernel with KVM, the kit's `vtkvm`, and a program that runs
 * the loop of vtkvm's inner guest in the outer one.
 */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { debianGuest } from "../boot/node/debian-guest.js";
import { exists } from "../host/node/cache.js";
import { UsageError } from "../host/usage-error.js";
import { compileProgram64 } from "./compile.js";
import { type Guest, kitFolder, outputFolder, put } from "./guest.js";

/** What the guest is to do. */
export interface NestedWork {
  /** Port writes of the inner guest: each is an exit to the program that runs it, and back. */
  readonly exits: number;
  /** Turns of a loop of three instructions, in the outer guest and in the inner one. */
  readonly loops: number;
}

export const nestedCommandLine = ({ exits, loops }: NestedWork): string =>
  `console=ttyS0,115200 quiet nokaslr mitigations=off panic=-1 vmx.exits=${exits} vmx.loops=${loops}`;

const script = `echo "INIT START"
for word in $(cat /proc/cmdline); do
  case $word in
    vmx.exits=*) exits=\${word#*=} ;;
    vmx.loops=*) loops=\${word#*=} ;;
  esac
done
/bin/vtloop $loops
/bin/vtkvm $exits $loops
echo "VTBENCH DONE"
`;

/** The same three instructions as vtkvm's loop, with the same marks around it and the same checksum. */
const outerLoop = `#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>
static void put(const char *s) { if (write(1, s, strlen(s)) < 0) _exit(3); }
int main(int argc, char **argv)
{
    unsigned n = argc > 1 ? (unsigned)atoi(argv[1]) : 1000000, left = n, sum = 0;
    char b[100];
    put("@P outer_loop\\n"); tcdrain(1); put("@B\\n");
    __asm__ volatile("1: add %2, %0; dec %1; jnz 1b" : "+r"(sum), "+r"(left) : "r"(3u) : "cc");
    put("@E\\n"); tcdrain(1);
    snprintf(b, sizeof b, "@R outer_loop 100 %u 0 0 %016llx\\n", n, (unsigned long long)sum);
    put(b);
    return 0;
}
`;

/** The guest, built anew each time: that takes a second. Throws a UsageError that names what is missing. */
export async function nestedGuest(progress: (text: string) => void): Promise<Guest> {
  const source = join(kitFolder(), "guest", "vtkvm.c");
  if (!(await exists(source))) {
    throw new UsageError(`there is no ${source}: set VT86_BENCH_KIT to the folder that holds guest/vtkvm.c.`);
  }
  const out = outputFolder();
  await mkdir(out, { recursive: true });
  progress("compiling the guest's programs");
  const loopSource = join(out, "vtloop.c");
  await writeFile(loopSource, outerLoop);
  const programs = {
    vtkvm: await compileProgram64(source, join(out, "vtkvm64")),
    vtloop: await compileProgram64(loopSource, join(out, "vtloop64")),
  };
  const files = await Promise.all(
    Object.entries(programs).map(async ([name, path]) => {
      return { path: `/bin/${name}`, data: await readFile(path), mode: 0o755 };
    }),
  );
  const guest = await debianGuest({
    kernelPackage: "linux-image-cloud-amd64",
    // The one that does not fit the processor refuses to be loaded.
    modules: ["kvm_intel", "kvm_amd"],
    script,
    files,
    progress,
  });
  const kernel = join(out, "vmlinuz64vmx");
  const initrd = join(out, "initrd64vmx");
  await put(kernel, guest.kernel);
  await put(initrd, guest.initrd);
  return { bits: 64, kernel, initrd };
}
