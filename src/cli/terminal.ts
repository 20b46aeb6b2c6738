/**
 * The person's terminal as the guest's console: raw mode, and Ctrl-A as the key that speaks to vt86 itself.
 */

const CTRL_A = 1;

export interface TerminalActions {
  input(bytes: Uint8Array): void;
  quit(): void;
  /** From the console to the monitor, and back. */
  monitor(): void;
  /** Sends a line of text to the person, not to the guest. */
  say(text: string): void;
}

const HELP = [
  "Ctrl-A X  quit",
  "Ctrl-A C  monitor and console in turn",
  "Ctrl-A H  this help",
  "Ctrl-A Ctrl-A  send Ctrl-A to the guest",
].join("\r\n");

/** Splits what is typed into keys for the guest and commands for vt86. */
export class EscapeFilter {
  private escaped = false;
  constructor(private readonly actions: TerminalActions) {}

  feed(bytes: Uint8Array): void {
    let passed: number[] = [];
    const pass = () => {
      if (passed.length > 0) this.actions.input(Uint8Array.from(passed));
      passed = [];
    };
    for (const byte of bytes) {
      if (!this.escaped) {
        if (byte === CTRL_A) this.escaped = true;
        else passed.push(byte);
        continue;
      }
      this.escaped = false;
      const key = String.fromCharCode(byte).toLowerCase();
      if (byte === CTRL_A || key === "a") passed.push(CTRL_A);
      else if (key === "x") this.actions.quit();
      else if (key === "c") {
        pass();
        this.actions.monitor();
      } else if (key === "h" || key === "?") this.actions.say(`\r\n${HELP}\r\n`);
      else this.actions.say("\r\nCtrl-A H for help\r\n");
    }
    pass();
  }
}

/** Connects standard input; returns what undoes it. */
export function attachTerminal(actions: TerminalActions): () => void {
  const { stdin } = process;
  const filter = new EscapeFilter(actions);
  // Escapes are for people: what a pipe or a file holds goes to the guest as it is.
  const onData = (data: Uint8Array) => (stdin.isTTY ? filter.feed(data) : actions.input(data));
  if (stdin.isTTY) stdin.setRawMode(true);
  stdin.on("data", onData);
  stdin.on("error", () => {});
  stdin.resume();
  return () => {
    stdin.off("data", onData);
    if (stdin.isTTY) stdin.setRawMode(false);
    stdin.pause();
    stdin.unref?.();
  };
}
