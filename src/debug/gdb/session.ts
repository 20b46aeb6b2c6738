/**
 * One debugger's session: GDB remote serial protocol commands to a {@link DebugTarget} (GDB manual, appendix E.2-E.4).
 */
import { encodePacket, fromHex, PacketReader, toHex } from "./packet.js";
import { type BreakpointKind, type DebugTarget, MEMORY_VIEWS, type StopReason } from "./target.js";
import { gdbRegisters, targetDescription } from "./target-description.js";

const MAX_PACKET = 0x4000;
const decoder = new TextDecoder();
const encoder = new TextEncoder();

const breakpointKinds: readonly BreakpointKind[] = ["software", "hardware", "write", "read", "access"];
const sizeOf = (bits: number): number => bits / 8;

export class GdbSession {
  private readonly reader = new PacketReader();
  private running = false;
  private lastStop: StopReason = { signal: 5 };
  private acknowledges = true;
  /** The debugger understands `swbreak` and `hwbreak` as reasons of a stop. */
  private understandsReasons = false;

  /** @param send writes bytes to the debugger */
  constructor(
    private readonly target: DebugTarget,
    private readonly send: (bytes: Uint8Array) => void,
  ) {}

  /** Bytes from the debugger. */
  receive(bytes: Uint8Array): void {
    for (const event of this.reader.feed(bytes)) {
      if (event.kind === "interrupt") this.target.interrupt();
      else if (event.kind === "garbled") this.send(encoder.encode("-"));
      else {
        if (this.acknowledges) this.send(encoder.encode("+"));
        const answer = this.answer(decoder.decode(event.data), event.data);
        if (answer !== undefined) this.reply(answer);
      }
    }
  }

  private reply(data: string | Uint8Array): void {
    this.send(encodePacket(data));
  }

  /** What to answer now; undefined when the answer comes later or not at all. */
  private answer(text: string, raw: Uint8Array): string | undefined {
    const command = text[0] ?? "";
    const rest = text.slice(1);
    switch (command) {
      case "?":
        return this.stopReply(this.lastStop);
      case "g":
        return gdbRegisters.map(({ name }) => toHex(this.target.readRegister(name))).join("");
      case "G":
        return this.writeAllRegisters(rest);
      case "p":
        return this.readOneRegister(rest);
      case "P":
        return this.writeOneRegister(rest);
      case "m":
        return this.readMemory(rest);
      case "M":
        return this.writeMemory(rest);
      case "X":
        return this.writeBinary(raw);
      case "Z":
      case "z":
        return this.breakpoint(command === "Z", rest);
      case "c":
        return this.go(this.target.resume());
      case "s":
        return this.go(this.target.step());
      case "v":
        return this.verbose(text);
      case "q":
      case "Q":
        return this.query(text);
      case "H":
      case "T":
        return "OK";
      case "D":
        this.target.detach();
        return "OK";
      case "k":
        this.target.kill();
        return undefined;
      default:
        return "";
    }
  }

  /** Answers when the target stops. */
  private go(stopped: Promise<StopReason>): undefined {
    if (this.running) return undefined;
    this.running = true;
    void stopped.then((reason) => {
      this.running = false;
      this.lastStop = reason;
      if (reason.text !== undefined) this.reply(`O${toHex(encoder.encode(reason.text))}`);
      this.reply(this.stopReply(reason));
    });
    return undefined;
  }

  private writeAllRegisters(hex: string): string {
    let at = 0;
    for (const { name, bits } of gdbRegisters) {
      const digits = hex.slice(at, at + sizeOf(bits) * 2);
      at += sizeOf(bits) * 2;
      if (digits.length === sizeOf(bits) * 2 && !digits.includes("x"))
        this.target.writeRegister(name, fromHex(digits));
    }
    return "OK";
  }

  private readOneRegister(text: string): string {
    const register = gdbRegisters[Number.parseInt(text, 16)];
    return register ? toHex(this.target.readRegister(register.name)) : "E01";
  }

  private writeOneRegister(text: string): string {
    const [number = "", value = ""] = text.split("=");
    const register = gdbRegisters[Number.parseInt(number, 16)];
    if (!register || value.length !== sizeOf(register.bits) * 2) return "E01";
    return this.target.writeRegister(register.name, fromHex(value)) ? "OK" : "E01";
  }

  private readMemory(text: string): string {
    const [address = "0", length = "0"] = text.split(",");
    const bytes = this.target.readMemory(
      BigInt(`0x${address}`),
      Math.min(Number.parseInt(length, 16), MAX_PACKET / 2),
    );
    return bytes ? toHex(bytes) : "E14";
  }

  private writeMemory(text: string): string {
    const [where = "", hex = ""] = text.split(":");
    const [address = "0"] = where.split(",");
    return this.target.writeMemory(BigInt(`0x${address}`), fromHex(hex)) ? "OK" : "E14";
  }

  private writeBinary(raw: Uint8Array): string {
    const colon = raw.indexOf(0x3a);
    const [address = "0"] = decoder.decode(raw.subarray(1, colon)).split(",");
    const data = raw.subarray(colon + 1);
    return data.length === 0 || this.target.writeMemory(BigInt(`0x${address}`), data) ? "OK" : "E14";
  }

  private breakpoint(set: boolean, text: string): string {
    const [kind = "0", address = "0", length = "1"] = text.split(/[,;]/);
    const name = breakpointKinds[Number(kind)];
    if (!name) return "";
    const place = BigInt(`0x${address}`);
    const size = Number.parseInt(length, 16);
    const done = set
      ? this.target.setBreakpoint(name, place, size)
      : this.target.removeBreakpoint(name, place, size);
    return done ? "OK" : "E22";
  }

  private verbose(text: string): string | undefined {
    if (text === "vCont?") return "vCont;c;C;s;S";
    if (text.startsWith("vCont;")) {
      return this.go(/^vCont;[sS]/.test(text) ? this.target.step() : this.target.resume());
    }
    if (text.startsWith("vKill")) {
      this.target.kill();
      return "OK";
    }
    return "";
  }

  private query(text: string): string {
    const features = /^qXfer:features:read:target\.xml:([0-9a-f]+),([0-9a-f]+)$/.exec(text);
    if (features) {
      const at = Number.parseInt(features[1]!, 16);
      const part = targetDescription.slice(at, at + Number.parseInt(features[2]!, 16));
      return `${at + part.length >= targetDescription.length ? "l" : "m"}${part}`;
    }
    if (text.startsWith("qSupported")) {
      this.understandsReasons = text.includes("swbreak+") && text.includes("hwbreak+");
      return `PacketSize=${MAX_PACKET.toString(16)};qXfer:features:read+;QStartNoAckMode+;vContSupported+;swbreak+;hwbreak+`;
    }
    if (text === "QStartNoAckMode") {
      this.acknowledges = false;
      return "OK";
    }
    if (text.startsWith("qRcmd,")) {
      const output = this.target.monitor(decoder.decode(fromHex(text.slice(6))));
      return output === "" ? "OK" : toHex(encoder.encode(output));
    }
    const view = this.memoryView(text);
    if (view !== undefined) return view;
    if (text === "Qvt86.Leave") {
      this.target.leave();
      return "OK";
    }
    if (text === "qAttached") return "1";
    if (text === "qC") return "QC1";
    if (text === "qfThreadInfo") return "m1";
    if (text === "qsThreadInfo") return "l";
    return "";
  }

  /** vt86's own packets for what memory addresses mean, and QEMU's; undefined for others. */
  private memoryView(text: string): string | undefined {
    const { target } = this;
    if (text === "qvt86.MemoryView") return target.memoryView;
    if (text === "qqemu.PhyMemMode") return target.memoryView === "physical" ? "1" : "0";
    const [name, value = ""] = text.split(":");
    if (name !== "Qvt86.MemoryView" && name !== "Qqemu.PhyMemMode") return undefined;
    const wanted = name === "Qvt86.MemoryView" ? value : value === "0" ? "current" : "physical";
    const view = MEMORY_VIEWS.find((known) => known === wanted);
    if (view === undefined) return "E22";
    target.memoryView = view;
    return "OK";
  }

  private stopReply({ signal, breakpoint, watch, exited }: StopReason): string {
    const two = (value: number) => (value & 0xff).toString(16).padStart(2, "0");
    if (exited !== undefined) return `W${two(exited)}`;
    const reason =
      breakpoint && this.understandsReasons ? (breakpoint === "software" ? "swbreak:;" : "hwbreak:;") : "";
    const kinds = { write: "watch", read: "rwatch", access: "awatch" } as const;
    const where = watch ? `${kinds[watch.kind]}:${watch.address.toString(16)};` : "";
    return `T${two(signal)}thread:1;${where}${reason}`;
  }
}
