/**
 * `--gdb`, `-s` and `-S`: a machine that a debugger can be attached to.
 */
import type { MachineTarget } from "../debug/machine-target.js";
import { UsageError } from "../host/usage-error.js";
import type { Monitor } from "../inspect/monitor.js";
import type { Machine } from "../machine/machine.js";
import type { Observation } from "./observation.js";

/** Who may connect unless an address is given: programs of this computer. */
const LOOPBACK = "127.0.0.1";

export interface GdbAddress {
  readonly host: string;
  readonly port: number;
}

/** `[HOST:]PORT` or, as QEMU has it, `tcp:[HOST]:PORT`. */
export function parseGdbAddress(text: string): GdbAddress {
  const match = /^(?:tcp:(?=.*:))?(?:(\[[0-9a-f:.]+\]|[^:]*):)?(\d+)(?:,.*)?$/i.exec(text);
  const port = Number(match?.[2] ?? -1);
  if (!match || port > 65535 || port < 0) {
    throw new UsageError(`--gdb takes [HOST:]PORT or tcp:[HOST]:PORT, not "${text}".`);
  }
  return { host: (match[1] || LOOPBACK).replace(/^\[|\]$/g, ""), port };
}

export interface DebuggedMachine {
  readonly address: GdbAddress;
  readonly runner: MachineTarget;
  /** To be called when the guest has ended. */
  close(): void;
}

/** Waits for debuggers of a machine. @param frozen it stands still until one says "continue" */
export async function debugMachine(
  machine: Machine,
  address: GdbAddress,
  frozen: boolean,
  observation: Observation,
): Promise<DebuggedMachine> {
  const [{ GdbServer }, { MachineTarget }, { listenTcp }, { InspectorExtension }] = await Promise.all([
    import("../debug/gdb/server.js"),
    import("../debug/machine-target.js"),
    import("../host/node/tcp-listener.js"),
    import("../inspect/debug-extension.js"),
  ]);
  let monitor: Monitor | undefined;
  const extension = new InspectorExtension(machine, () => {
    monitor ??= observation.monitor(() => runner.end());
    return monitor;
  });
  const runner: MachineTarget = new MachineTarget(machine, frozen, extension);
  const server = new GdbServer(runner);
  const listener = await listenTcp(address.host, address.port, (connection) => server.accept(connection));
  return {
    address: listener,
    runner,
    close: () => {
      server.close();
      listener.close();
    },
  };
}
