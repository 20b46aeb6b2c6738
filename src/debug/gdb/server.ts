/**
 * Takes debuggers' connections, one at a time, and gives each its session.
 */
import type { MachineTarget } from "../machine-target.js";
import { GdbSession } from "./session.js";

/** A byte stream to a debugger; TCP where the host has it. */
export interface Connection {
  onData: (bytes: Uint8Array) => void;
  onClose: () => void;
  send(bytes: Uint8Array): void;
  close(): void;
}

export class GdbServer {
  private current: Connection | undefined;

  constructor(private readonly target: MachineTarget) {}

  /** The guest stops before the debugger hears anything. A second debugger is turned away. */
  accept(connection: Connection): void {
    if (this.current) {
      connection.close();
      return;
    }
    this.current = connection;
    const session = new GdbSession(this.target, (bytes) => connection.send(bytes));
    let early: Uint8Array[] | undefined = [];
    connection.onData = (bytes) => {
      if (early) early.push(bytes);
      else session.receive(bytes);
    };
    connection.onClose = () => {
      this.current = undefined;
      this.target.lost();
    };
    void this.target.attach().then(() => {
      const waiting = early ?? [];
      early = undefined;
      for (const bytes of waiting) session.receive(bytes);
    });
  }

  close(): void {
    this.current?.close();
  }
}
