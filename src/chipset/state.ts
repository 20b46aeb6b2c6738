/**
 * What the saved states of all devices have in common.
 *
 * A state is a plain object of numbers, booleans, strings and arrays, so that it survives JSON. `restore()`
 * moves no interrupt line and calls no line callback: the level of a wire is part of the state at both of its
 * ends. Timers are armed again, address decoding (BARs, PAM, A20) is announced again, because these are
 * derived from the state. The machine sets the virtual clock before it restores devices.
 */

export interface VersionedState {
  /** Raised whenever the shape or the meaning of a field changes. */
  readonly version: number;
}

/** Throws one readable sentence when `state` was not written by this version of the device. */
export function expectVersion(device: string, state: VersionedState, version: number): void {
  if (state.version !== version) {
    throw new Error(
      `The saved state of the ${device} has version ${state.version}, but this vt86 reads version ${version}: take the snapshot again with this vt86.`,
    );
  }
}

/** Copies saved numbers into an array of the same length that a device keeps. */
export function copyInto(
  target: { length: number; [index: number]: number },
  saved: readonly number[],
): void {
  for (let index = 0; index < target.length; index++) target[index] = saved[index] ?? 0;
}
