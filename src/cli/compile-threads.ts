/**
 * V8 compiles translated code on threads of its own, about as long as the guest takes to boot. On a host with few
 * processors they would take turns with the thread that runs the guest; it goes first. But not always: where others keep
 * the host busy, code that is never compiled would cost more.
 */
import { readdirSync } from "node:fs";
import { setPriority } from "node:os";

/** Nice value: a tenth of the weight that a thread has without. */
const BEHIND = 10;

/**
 * Lowers the priority of all other threads of the process. To be called from the main thread, before anything has
 * started threads that the guest waits for. On Linux a priority is a thread's (setpriority(2), notes); other systems
 * have no way to set it, and are left alone.
 */
export function goBeforeCompilers(): void {
  try {
    for (const thread of readdirSync("/proc/self/task")) {
      if (Number(thread) !== process.pid) setPriority(Number(thread), BEHIND);
    }
  } catch {
    // Not Linux, or a thread that has just ended: only speed depends on it.
  }
}
