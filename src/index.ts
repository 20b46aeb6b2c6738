/**
 * vt86 as a library: an x86-64 PC that a program builds, runs, watches and talks to.
 *
 *     import { Machine, tourImage } from "vt86";
 *
 *     const machine = await Machine.create({ kernel: tourImage() });
 *     machine.console.listen((bytes) => process.stdout.write(bytes));
 *     const exit = await machine.run();
 */

export type { SegmentRegister } from "./cpu/cpu-state.js";
export { tourImage } from "./guests/tour.js";
export { UsageError } from "./host/usage-error.js";
export type { BootImage, ImageFile, MachineConfig, ModuleFile } from "./machine/config.js";
export type { SerialConsole } from "./machine/console.js";
export type { DebugControl, Watchpoint } from "./machine/debug-control.js";
export { Machine, type MachineExit } from "./machine/machine.js";
export type { RegisterFile } from "./machine/registers.js";
