/**
 * The serial console as the host sees it: bytes out, bytes in, and the same as web streams.
 */
import type { Uart16550 } from "../devices/uart16550/uart16550.js";

/** Output is handed on in pieces of at most so many bytes. */
const PIECE = 4096;

export class SerialConsole {
  private readonly listeners = new Set<(bytes: Uint8Array) => void>();
  private readonly output = new Uint8Array(PIECE);
  private outputLength = 0;
  /** What was typed and not yet taken by the UART. */
  private input: Uint8Array = new Uint8Array(0);
  private uart: Uart16550 | undefined;
  private stream: ReadableStream<Uint8Array> | undefined;
  private endStream = () => {};
  /** @internal Called when the guest may have something new to do. */
  onInput: () => void = () => {};

  /** What is typed at the guest, as a stream. */
  readonly writable = new WritableStream<Uint8Array>({ write: (bytes) => this.write(bytes) });

  /** What the guest prints, from the first use of this property to the end of the machine, as a stream. */
  get readable(): ReadableStream<Uint8Array> {
    if (this.stream) return this.stream;
    let unlisten = () => {};
    this.stream = new ReadableStream<Uint8Array>({
      start: (controller) => {
        const stop = this.listen((bytes) => controller.enqueue(bytes));
        unlisten = () => {
          stop();
          this.endStream = () => {};
        };
        this.endStream = () => {
          unlisten();
          controller.close();
        };
      },
      cancel: () => unlisten(),
    });
    return this.stream;
  }

  /** @internal Connects the UART (again, after a reset). */
  attach(uart: Uart16550): void {
    this.uart = uart;
    uart.onRoom = () => this.feed();
    this.feed();
  }

  /** Calls `listener` with each piece of output; returns what ends that. */
  listen(listener: (bytes: Uint8Array) => void): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  /** Types bytes, or text as UTF-8, at the guest; what the guest is not ready for waits. */
  write(data: Uint8Array | string): void {
    const bytes = typeof data === "string" ? new TextEncoder().encode(data) : data;
    const joined = new Uint8Array(this.input.length + bytes.length);
    joined.set(this.input);
    joined.set(bytes, this.input.length);
    this.input = joined;
    this.feed();
    this.onInput();
  }

  /** @internal A byte from the UART. */
  print(byte: number): void {
    this.output[this.outputLength++] = byte;
    if (this.outputLength === PIECE) this.flush();
  }

  /** @internal Hands what was printed to the listeners. */
  flush(): void {
    if (this.outputLength === 0) return;
    const bytes = this.output.slice(0, this.outputLength);
    this.outputLength = 0;
    for (const listener of this.listeners) listener(bytes);
  }

  /** @internal No output will follow. */
  end(): void {
    this.flush();
    this.endStream();
  }

  private feed(): void {
    if (!this.uart?.listening || this.input.length === 0) return;
    this.input = this.input.subarray(this.uart.receive(this.input));
  }
}
