/**
 * The guests that `vt86 run` knows by name.
 */

import { debianGuest } from "../boot/node/debian-guest.js";
import { hypervisorImage } from "../guests/hypervisor.js";
import { tourImage } from "../guests/tour.js";
import { UsageError } from "../host/usage-error.js";
import type { BootImage, ImageFile, ModuleFile } from "../machine/config.js";

export interface GuestImages {
  readonly kernel: BootImage;
  readonly modules: readonly ModuleFile[];
}

interface BuiltinGuest {
  readonly image: () => ImageFile;
  /** The processor that it needs, where that is not the default. */
  readonly cpu?: string;
}

/** vt86's own guests, by name. */
const builtin = {
  tour: { image: tourImage },
  hypervisor: { image: hypervisorImage, cpu: "Skylake-Server,+vmx" },
} as const satisfies Readonly<Record<string, BuiltinGuest>>;
export type BuiltinName = keyof typeof builtin;

export function builtinGuest(append: string | undefined, name: BuiltinName = "tour"): GuestImages {
  return { kernel: { ...builtin[name].image(), commandLine: append ?? "" }, modules: [] };
}

/** The processor of the guest with that name, unless the person chooses one; undefined is the machine's default. */
export function cpuOfGuest(name: string | undefined): string | undefined {
  return (builtin as Readonly<Record<string, BuiltinGuest>>)[name ?? ""]?.cpu;
}

export interface DebianRequest {
  readonly kernelPackage: string;
  readonly append: string | undefined;
  readonly script: string | undefined;
  readonly progress: (text: string) => void;
}

/** Debian's kernel with BusyBox; the built-in guest where the package tools are missing. */
export async function debianImages(request: DebianRequest): Promise<GuestImages> {
  const { kernelPackage, append, script, progress } = request;
  try {
    const { name, kernel, initrd } = await debianGuest({
      kernelPackage,
      progress,
      ...(script === undefined ? {} : { script }),
    });
    progress(`booting ${name}; Ctrl-A X quits, 'poweroff -f' in the guest switches it off`);
    return {
      kernel: { name, data: kernel, commandLine: append ?? "console=ttyS0" },
      modules: [{ name: "initrd", data: initrd }],
    };
  } catch (error) {
    if (!(error instanceof UsageError) || script !== undefined) throw error;
    progress(`${error.message} Booting the built-in guest instead.`);
    return builtinGuest(undefined);
  }
}
