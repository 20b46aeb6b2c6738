/**
 * Debian's kernels and an initial RAM disk for them, ready to boot.
 *
 * Brings together what fetches packages (`host/node`) and what builds the archive (the rest of `boot/`).
 */

import { readFile } from "node:fs/promises";
import { debianFile, debianPackage } from "../../host/node/debian.js";
import { kernelModules } from "../../host/node/kernel-modules.js";
import { buildInitramfs, type InitramfsFile } from "../initramfs.js";

export interface DebianGuestOptions {
  /** Kernel package: `linux-image-cloud-amd64`, `linux-image-amd64`, `linux-image-686:i386`, … */
  readonly kernelPackage: string;
  /** Modules to load at boot, in this order; what they depend on is added. Parameters may follow: `kvm_intel nested=1`. */
  readonly modules?: readonly string[];
  readonly files?: readonly InitramfsFile[];
  /** Shell script to run instead of an interactive shell; the guest switches itself off afterwards. */
  readonly script?: string;
  readonly welcome?: string;
  readonly progress?: (text: string) => void;
}

export interface DebianGuest {
  /** File name of the kernel, `vmlinuz-6.1.0-50-cloud-amd64`. */
  readonly name: string;
  readonly kernel: Uint8Array;
  readonly initrd: Uint8Array;
}

/** Fetches (or takes from the cache) the kernel and BusyBox of the same architecture, and builds the RAM disk. */
export async function debianGuest(options: DebianGuestOptions): Promise<DebianGuest> {
  const { progress } = options;
  const architecture = options.kernelPackage.includes(":") ? options.kernelPackage.replace(/^[^:]*/, "") : "";
  const kernelPath = await debianFile({
    package: options.kernelPackage,
    path: /^boot\/vmlinuz-/,
    ...(progress ? { progress } : {}),
  });
  const { root } = await debianPackage({ package: options.kernelPackage });
  return {
    name: kernelPath.replace(/^.*\//, ""),
    kernel: await readFile(kernelPath),
    initrd: await debianInitramfs(root, architecture, options),
  };
}

async function debianInitramfs(
  kernelRoot: string,
  architecture: string,
  options: DebianGuestOptions,
): Promise<Uint8Array> {
  const { progress, files, script, welcome } = options;
  const busybox = await debianFile({
    package: `busybox-static${architecture}`,
    path: /^(usr\/)?bin\/busybox$/,
    ...(progress ? { progress } : {}),
  });
  const wanted = (options.modules ?? []).map((text) => text.trim().split(/\s+/));
  const parameters = new Map(
    wanted.map(([name = "", ...rest]) => [name.replaceAll("-", "_"), rest.join(" ")]),
  );
  const modules = await kernelModules(
    kernelRoot,
    wanted.map(([name = ""]) => name),
  );
  return buildInitramfs({
    busybox: await readFile(busybox),
    modules: modules.map(({ name, data }) => {
      const given = parameters.get(name.replace(/\.ko$/, "").replaceAll("-", "_"));
      return { name, data, ...(given ? { parameters: given } : {}) };
    }),
    ...(files ? { files } : {}),
    ...(script !== undefined ? { script } : {}),
    ...(welcome !== undefined ? { welcome } : {}),
  });
}
