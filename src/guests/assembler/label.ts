/**
 * Names for addresses of a program that are not known yet while it is being written.
 */

/** A label, or a place at a fixed distance from one. */
export interface Place {
  readonly label: Label;
  /** In bytes. */
  readonly offset: number;
}

export class Label implements Place {
  readonly name: string;
  readonly offset = 0;
  #address: number | undefined;

  constructor(name: string) {
    this.name = name;
  }

  get label(): Label {
    return this;
  }

  /** The address, once it is bound. */
  get address(): number | undefined {
    return this.#address;
  }

  /** @throws Error when the label has an address already. */
  bind(address: number): void {
    if (this.#address !== undefined) throw new Error(`Label ${this.name} is bound twice.`);
    this.#address = address;
  }

  plus(offset: number): Place {
    return { label: this, offset };
  }
}

/** A value inside an instruction. A place stands for its address. */
export type Immediate = number | bigint | Place;

export function isPlace(value: unknown): value is Place {
  return typeof value === "object" && value !== null && "label" in value && value.label instanceof Label;
}
