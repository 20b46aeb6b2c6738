/** How the code around a handler wants it to end. */
import type { I32 } from "../../wasm/value.js";

/** Each emits a branch or a return. */
export interface Exits {
  /** The instruction is complete, go on with the next record. */
  next(): void;
  /** RIP in the state is set, find the block there. */
  jump(): void;
  /** Complete, RIP set: leave the engine. */
  leave(): void;
  /** An exception is pending. */
  fault(): void;
  /** Ends with a {@link Control} value known only at run time. */
  control(status: I32): void;
  /** A relative branch is taken; the record can be linked. Absent where linking is not possible. */
  linked?(): void;
}
