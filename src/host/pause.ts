/**
 * Waiting, the same in Node and in a browser.
 */

/** Lets the host's event loop run once: input arrives, timers fire. */
export function breathe(): Promise<void> {
  if (typeof setImmediate === "function") return new Promise((resolve) => setImmediate(resolve));
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(0);
  });
}

/** Waits `milliseconds`, or until {@link wake} is called. */
export class Sleep {
  private end: (() => void) | undefined;
  private timer: ReturnType<typeof setTimeout> | undefined;

  /** @param milliseconds may be `Infinity` */
  wait(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      this.end = () => {
        if (this.timer !== undefined) clearTimeout(this.timer);
        this.timer = undefined;
        this.end = undefined;
        resolve();
      };
      // A finite timer also keeps the host's event loop alive while the guest waits for a key.
      this.timer = setTimeout(() => this.end?.(), Math.min(milliseconds, 60_000));
    });
  }

  wake(): void {
    this.end?.();
  }
}
