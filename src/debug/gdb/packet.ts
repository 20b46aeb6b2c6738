/**
 * Packets of GDB's remote serial protocol (GDB manual, appendix E.1): `$data#checksum`, acknowledged by `+`.
 */

const ESCAPE = 0x7d;
const encoder = new TextEncoder();

const checksum = (data: Uint8Array): number => data.reduce((sum, byte) => (sum + byte) & 0xff, 0);
const hexByte = (value: number): string => value.toString(16).padStart(2, "0");

/** A packet ready to be sent; `$`, `#`, `}` and `*` are escaped. */
export function encodePacket(data: string | Uint8Array): Uint8Array {
  const raw = typeof data === "string" ? encoder.encode(data) : data;
  const body: number[] = [];
  for (const byte of raw) {
    if (byte === 0x24 || byte === 0x23 || byte === ESCAPE || byte === 0x2a) body.push(ESCAPE, byte ^ 0x20);
    else body.push(byte);
  }
  const bytes = Uint8Array.from(body);
  return Uint8Array.from([0x24, ...bytes, ...encoder.encode(`#${hexByte(checksum(bytes))}`)]);
}

export type PacketEvent =
  | { readonly kind: "packet"; readonly data: Uint8Array }
  /** A packet with a wrong checksum: to be answered with `-`. */
  | { readonly kind: "garbled" }
  /** Ctrl-C. */
  | { readonly kind: "interrupt" };

/** Takes the byte stream apart. Acknowledgements are dropped: TCP does not lose packets. */
export class PacketReader {
  private body: number[] | undefined;
  private trailer = "";

  *feed(bytes: Uint8Array): Generator<PacketEvent> {
    for (const byte of bytes) {
      if (this.trailer !== "" || (this.body && byte === 0x23)) {
        this.trailer += String.fromCharCode(byte);
        if (this.trailer.length < 3) continue;
        const body = Uint8Array.from(this.body ?? []);
        const good = Number.parseInt(this.trailer.slice(1), 16) === checksum(body);
        this.body = undefined;
        this.trailer = "";
        yield good ? { kind: "packet", data: unescapeBody(body) } : { kind: "garbled" };
      } else if (this.body) this.body.push(byte);
      else if (byte === 0x24) this.body = [];
      else if (byte === 3) yield { kind: "interrupt" };
    }
  }
}

function unescapeBody(body: Uint8Array): Uint8Array {
  const plain: number[] = [];
  for (let i = 0; i < body.length; i++) {
    if (body[i] === ESCAPE && i + 1 < body.length) plain.push(body[++i]! ^ 0x20);
    else plain.push(body[i]!);
  }
  return Uint8Array.from(plain);
}

/** Bytes as hexadecimal digits, and back. */
export const toHex = (bytes: Uint8Array): string => Array.from(bytes, hexByte).join("");
export function fromHex(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length >> 1);
  for (let i = 0; i < bytes.length; i++) bytes[i] = Number.parseInt(text.slice(i * 2, i * 2 + 2), 16);
  return bytes;
}
