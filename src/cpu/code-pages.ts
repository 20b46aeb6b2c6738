/** What the MMU asks of whoever keeps decoded code. Code lives on host pages. */
export interface CodePages {
  /** Whether decoded code lies on the host page (host address >>> 12). */
  has(hostPage: number): boolean;
  /** Whether decoded code lies in `length` bytes at host address `host`. */
  overlaps(host: number, length: number): boolean;
  /** Those bytes are about to be written: what was decoded from them is void. */
  written(host: number, length: number): void;
}
