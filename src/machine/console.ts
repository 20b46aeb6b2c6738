/**
 * The serial console as the host sees it: bytes out, bytes in, and the same as web streams.
 */
import type { Uart16550 } from "../devices/uart16550/uart16550.js";

export class SerialConsole {
  private readonly listeners = new Set<(bytes: Uint8Array) => void>();
  private pendingOutput: number[] = [];
  private readonly pendingInput: number[] = [];
  private uart: Uart16550 | undefined;
  /** Called when the guest may have something new to do. */
  onInput: () => void = () => {};

  /** What the guest prints, from the moment the stream is read. */
  readonly readable: ReadableStream<Uint8Array>;
  /** What is typed at the guest. */
  readonly writable: WritableStream<Uint8Array>;

  constructor() {
    let unlisten = () => {};
    this.readable = new ReadableStream<Uint8Array>({
      start: (controller) => {
        unlisten = this.listen((bytes) => controller.enqueue(bytes));
      },
      cancel: () => unlisten(),
    });
    this.writable = new WritableStream<Uint8Array>({ write: (bytes) => this.write(bytes) });
  }

  /** Connects the UART (again, after a reset). */
  attach(uart: Uart16550): void {
    this.uart = uart;
    uart.onRoom = () => this.feed();
    this.feed();
  }

  /** Calls `listener` with each piece of output; returns what ends that. */
  listen(listener: (bytes: Uint8Array) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Types bytes at the guest; what its FIFO cannot hold waits. */
  write(bytes: Uint8Array | string): void {
    const data = typeof bytes === "string" ? new TextEncoder().encode(bytes) : bytes;
    for (const byte of data) this.pendingInput.push(byte);
    this.feed();
    this.onInput();
  }

  /** @internal A byte from the UART. */
  output(byte: number): void {
    this.pendingOutput.push(byte);
    if (this.pendingOutput.length >= 4096) this.flush();
  }

  /** @internal Hands what was printed to the listeners. */
  flush(): void {
    if (this.pendingOutput.length === 0) return;
    const bytes = Uint8Array.from(this.pendingOutput);
    this.pendingOutput = [];
    for (const listener of this.listeners) listener(bytes);
  }

  private feed(): void {
    if (!this.uart || this.pendingInput.length === 0) return;
    const taken = this.uart.receive(this.pendingInput);
    this.pendingInput.splice(0, taken);
  }
}
