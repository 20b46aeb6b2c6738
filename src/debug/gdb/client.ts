/**
 * The other side of the protocol: asks a GDB server, one question at a time.
 */
import { encodePacket, PacketReader } from "./packet.js";
import type { Connection } from "./server.js";

const decoder = new TextDecoder();
const ACKNOWLEDGEMENT = new TextEncoder().encode("+");

/** The server has hung up. */
export class Closed extends Error {}

export class GdbClient {
  private readonly reader = new PacketReader();
  private answered: (answer: string) => void = () => {};
  private failed: (error: Error) => void = () => {};
  private closed = false;

  constructor(private readonly connection: Connection) {
    connection.onData = (bytes) => {
      for (const event of this.reader.feed(bytes)) {
        if (event.kind !== "packet") continue;
        connection.send(ACKNOWLEDGEMENT);
        this.answered(decoder.decode(event.data));
      }
    };
    connection.onClose = () => {
      this.closed = true;
      this.failed(new Closed());
    };
  }

  /** @throws Closed when the server hangs up before it answers */
  ask(packet: string): Promise<string> {
    return new Promise((resolve, reject) => {
      this.answered = resolve;
      this.failed = reject;
      if (this.closed) reject(new Closed());
      else this.connection.send(encodePacket(packet));
    });
  }

  close(): void {
    this.connection.close();
  }
}
