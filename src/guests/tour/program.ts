/**
 * The tour's assembler: an {@link Assembler} that knows the labels that its parts share, and collects texts and
 * zeroed memory to be placed at the end.
 *
 * The convention in 64-bit code: a routine takes its argument in RAX (a text in RSI), and preserves every register
 * but the one that it answers in. The steps of the tour preserve nothing.
 */

import { Assembler, type Label, mem, rsi } from "../assembler/assembler.js";

export class Tour extends Assembler {
  readonly #texts = new Map<string, Label>();
  readonly #reservations: { label: Label; length: number; alignment: number }[] = [];

  /** Prints the zero-terminated text at RSI. */
  readonly printText = this.label("printText");
  /** Prints the character in AL. */
  readonly printCharacter = this.label("printCharacter");
  /** Prints RAX, unsigned. */
  readonly printDecimal = this.label("printDecimal");
  /** Prints RAX with 16 hexadecimal digits. */
  readonly printHex = this.label("printHex");
  /** Prints RAX / 1000000 with three decimals. */
  readonly printMillions = this.label("printMillions");
  /** AL = the next character from the keyboard; sleeps until there is one. */
  readonly readCharacter = this.label("readCharacter");
  /** RAX = the time stamp counter. */
  readonly readTsc = this.label("readTsc");
  /** Sleeps until RAX more timer interrupts have come. */
  readonly sleepTicks = this.label("sleepTicks");

  /** Handlers of interrupts and exceptions, and the count of timer interrupts (8 bytes). */
  readonly pageFault = this.label("pageFault");
  readonly generalProtection = this.label("generalProtection");
  readonly timerInterrupt = this.label("timerInterrupt");
  readonly serialInterrupt = this.label("serialInterrupt");
  readonly unexpected = this.label("unexpected");
  readonly ticks = this.label("ticks");

  /** The start of 64-bit code, and the end of the tour: switches the machine off. */
  readonly main = this.label("main");
  readonly powerOff = this.label("powerOff");

  readonly systemCall = this.label("systemCall");
  /** The program of ring 3: one page. */
  readonly userPage = this.label("userPage");

  /** The memory map from the loader: address of the first entry's base, end, distance of entries (8 bytes each). */
  readonly mapStart = this.reserve("mapStart", 8);
  readonly mapEnd = this.reserve("mapEnd", 8);
  readonly mapStride = this.reserve("mapStride", 8);

  /** Zeroed memory of its own after the program. */
  reserve(name: string, length: number, alignment = 8): Label {
    const label = this.label(name);
    this.#reservations.push({ label, length, alignment });
    return label;
  }

  /** A zero-terminated text somewhere in the program. */
  text(value: string): Label {
    const known = this.#texts.get(value);
    if (known !== undefined) return known;
    const label = this.label(`text ${JSON.stringify(value)}`);
    this.#texts.set(value, label);
    return label;
  }

  /** Code that prints a text. Changes RSI. */
  say(text: string): void {
    this.lea(rsi, mem(this.text(text)));
    this.call(this.printText);
  }

  /** Places texts and reserved memory; answers the end of the latter. */
  placeRest(): number {
    for (const [text, label] of this.#texts) {
      this.bind(label);
      this.asciz(text);
    }
    let address = this.position;
    for (const { label, length, alignment } of this.#reservations) {
      address = Math.ceil(address / alignment) * alignment;
      this.bind(label, address);
      address += length;
    }
    return address;
  }
}
