/**
 * The monitor at the person's terminal: Ctrl-A C goes there and back. While it is open, what is typed is for the
 * monitor, and what the guest prints is held back.
 */

const BACKSPACE = 8;
const DELETE = 0x7f;
const CTRL_C = 3;
const CTRL_D = 4;
const CTRL_U = 0x15;
const ESCAPE = 0x1b;
const PROMPT = "(vt86) ";
/** Bytes of the guest's output that are kept while the monitor is open; older ones are dropped. */
const MOST_HELD = 0x1_0000;

export interface MonitorConsoleParts {
  /** Answers a line. Called for the first time when the monitor is used. */
  execute(line: string): readonly string[];
  /** To the person. */
  write(data: string | Uint8Array): void;
}

export class MonitorConsole {
  open = false;
  private line = "";
  /** Within an escape sequence, which is ignored: there is no editing but at the end. */
  private sequence: "" | "begun" | "csi" = "";
  private held: Uint8Array[] = [];
  private heldBytes = 0;

  constructor(private readonly parts: MonitorConsoleParts) {}

  toggle(): void {
    this.open = !this.open;
    this.line = "";
    this.sequence = "";
    if (this.open)
      this.parts.write(`\r\nvt86 monitor: 'help' lists the commands, Ctrl-A C goes back\r\n${PROMPT}`);
    else {
      this.parts.write("\r\n");
      for (const bytes of this.held) this.parts.write(bytes);
      this.held = [];
      this.heldBytes = 0;
    }
  }

  /** What the guest prints. */
  print(bytes: Uint8Array): void {
    if (!this.open) {
      this.parts.write(bytes);
      return;
    }
    this.held.push(bytes);
    this.heldBytes += bytes.length;
    while (this.heldBytes > MOST_HELD) this.heldBytes -= this.held.shift()!.length;
  }

  /** What is typed while the monitor is open. */
  input(bytes: Uint8Array): void {
    for (const byte of bytes) if (this.open) this.key(byte);
  }

  private key(byte: number): void {
    const { parts } = this;
    if (this.sequence !== "") {
      const introduces = this.sequence === "begun" && byte === "[".charCodeAt(0);
      this.sequence = introduces || (this.sequence === "csi" && byte < 0x40) ? "csi" : "";
    } else if (byte === 0x0d || byte === 0x0a) this.enter();
    else if (byte === BACKSPACE || byte === DELETE) {
      if (this.line !== "") parts.write("\b \b");
      this.line = this.line.slice(0, -1);
    } else if (byte === CTRL_U || byte === CTRL_C) {
      this.line = "";
      parts.write(`\r\n${PROMPT}`);
    } else if (byte === CTRL_D && this.line === "") this.toggle();
    else if (byte === ESCAPE) this.sequence = "begun";
    else if (byte >= 0x20 && byte < DELETE) {
      const letter = String.fromCharCode(byte);
      this.line += letter;
      parts.write(letter);
    }
  }

  private enter(): void {
    const { line } = this;
    this.line = "";
    const answer = this.parts.execute(line).map((text) => `${text}\r\n`);
    this.parts.write(`\r\n${answer.join("")}${PROMPT}`);
  }
}
