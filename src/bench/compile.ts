/**
 * Compiles the guest's programs with the host's gcc, with the options of the kit's makefile: they are part
 * of what is measured.
 */
import { join } from "node:path";
import { debianPackage } from "../host/node/debian.js";
import { runTool } from "../host/node/run-tool.js";
import { UsageError } from "../host/usage-error.js";

const common =
  "-O2 -static -std=gnu11 -fno-math-errno -ffp-contract=off -fno-tree-vectorize -fno-pie -no-pie".split(" ");
const machine = {
  64: ["-m64", "-march=x86-64"],
  32: ["-m32", "-march=i686", "-msse2", "-mfpmath=sse"],
} as const;
const bare = "-O2 -static -nostdlib -fno-pie -no-pie -Wl,--build-id=none".split(" ");

async function compile(source: string, to: string, options: readonly string[]): Promise<string> {
  const result = await runTool("gcc", [...options, "-s", "-o", to, source]);
  if (result.missing)
    throw new UsageError(
      "the benchmark's guest is compiled with gcc: install it (apt install gcc libc6-dev).",
    );
  if (!result.ok) {
    const reason = /error: (.+)/.exec(result.stderr)?.[1] ?? result.stderr.trim().split("\n").at(-1);
    throw new UsageError(`gcc can't compile ${source}: ${reason}.`);
  }
  return to;
}

/** Compiles one 64-bit program for the guest of nested virtualization. */
export const compileProgram64 = (source: string, to: string): Promise<string> =>
  compile(source, to, [...common, ...machine[64]]);

/** Returns the paths of the two programs. */
export async function compileGuestPrograms(
  sources: string,
  bits: 64 | 32,
  out: string,
  progress: (text: string) => void,
): Promise<{ vtbench: string; vtexit: string }> {
  const library = bits === 32 ? await library32(progress) : [];
  progress(`compiling the ${bits}-bit guest`);
  const to = (name: string) => join(out, `${name}${bits}`);
  return {
    vtbench: await compile(join(sources, "vtbench.c"), to("vtbench"), [
      ...common,
      ...machine[bits],
      ...library,
    ]),
    vtexit: await compile(join(sources, "vtexit.c"), to("vtexit"), [...bare, machine[bits][0], ...library]),
  };
}

/** The 32-bit C library for a 64-bit gcc: unpacked into vt86's cache, nothing is installed. */
async function library32(progress: (text: string) => void): Promise<string[]> {
  const { stdout } = await runTool("gcc", ["-dumpversion"]);
  const version = stdout.toString().trim().split(".")[0] ?? "";
  if (version === "") return [];
  const libc = await debianPackage({ package: "libc6-dev-i386", progress });
  const runtime = await debianPackage({ package: `lib32gcc-${version}-dev`, progress });
  const folders = [
    join(libc.root, "usr/lib32"),
    join(runtime.root, `usr/lib/gcc/x86_64-linux-gnu/${version}/32`),
  ];
  return [
    ...["-isystem", join(libc.root, "usr/include"), "-isystem", "/usr/include/x86_64-linux-gnu"],
    ...folders.flatMap((folder) => [`-B${folder}/`, `-L${folder}`]),
  ];
}
