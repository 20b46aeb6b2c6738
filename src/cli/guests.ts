/**
 * The guests that `vt86 run` knows by name.
 */
import { UsageError } from "../host/usage-error.js";
import type { BootImage, ImageFile, ModuleFile } from "../machine/config.js";

export interface GuestImages {
  readonly kernel: BootImage;
  readonly modules: readonly ModuleFile[];
}

interface BuiltinGuest {
  readonly image: () => Promise<ImageFile>;
  /** The processor that it needs, where that is not the default. */
  readonly cpu?: string;
}

/** vt86's own guests, by name; each is loaded when it is wanted. */
const builtin = {
  tour: { image: async () => (await import("../guests/tour.js")).tourImage() },
  hypervisor: {
    image: async () => (await import("../guests/hypervisor.js")).hypervisorImage(),
    cpu: "Skylake-Server,+vmx",
  },
} as const satisfies Readonly<Record<string, BuiltinGuest>>;
export type BuiltinName = keyof typeof builtin;

export async function builtinGuest(
  append: string | undefined,
  name: BuiltinName = "tour",
): Promise<GuestImages> {
  return { kernel: { ...(await builtin[name].image()), commandLine: append ?? "" }, modules: [] };
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
  const { debianGuest } = await import("../boot/node/debian-guest.js");
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
