/**
 * Guest-physical mappings (SDM vol. 3, 29.4.1): what EPT walks found, kept until INVEPT. A small direct-mapped
 * cache: guests' paging structures are read through it, and the TLB views hold the rest.
 */

const ENTRIES = 512;
const EMPTY = -1;

export class EptMappings {
  private readonly guestPage = new Float64Array(ENTRIES).fill(EMPTY);
  private readonly hostPage = new Float64Array(ENTRIES);
  private readonly rightsOf = new Int32Array(ENTRIES);
  /** After {@link lookup}: the rights of the mapping, by EPT entry bits. W is only set if a write needs no walk. */
  rights = 0;

  constructor(
    /** EPTP bits 51:12, as an address. */
    readonly root: number,
  ) {}

  /** Physical address of the page to which a guest-physical page is mapped, or -1. */
  lookup(page: number): number {
    const index = (page >>> 12) & (ENTRIES - 1);
    if (this.guestPage[index] !== page) return EMPTY;
    this.rights = this.rightsOf[index]!;
    return this.hostPage[index]!;
  }

  enter(page: number, host: number, rights: number): void {
    const index = (page >>> 12) & (ENTRIES - 1);
    this.guestPage[index] = page;
    this.hostPage[index] = host;
    this.rightsOf[index] = rights;
  }

  drop(page: number): void {
    const index = (page >>> 12) & (ENTRIES - 1);
    if (this.guestPage[index] === page) this.guestPage[index] = EMPTY;
  }

  flush(): void {
    this.guestPage.fill(EMPTY);
  }
}
