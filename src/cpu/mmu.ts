/**
 * Memory management of one CPU: translates linear addresses, fills the TLB views, and serves every access
 * that the inline TLB test of generated code does not (SDM vol. 3, chapters 4 and 11).
 *
 * Pages that hold decoded code, and devices, are never entered in a write TLB: such writes come here.
 */
import { Vector } from "../isa/emit.js";
import { Flag } from "../isa/flags.js";
import {
  BOUNCE,
  CR0,
  CR3,
  CR4,
  DEVICE_TOUCHED,
  EFER,
  FLAG_OTHERS,
  JUMP_CACHE,
  TLB_READ,
  TLB_WRITE,
} from "../isa/state.js";
import { NOT_RAM, type PhysicalMap } from "../memory/physical.js";
import type { CpuState } from "./cpu-state.js";
import { Fault } from "./fault.js";
import type { LinearMemory, Privilege } from "./linear-memory.js";
import { FORMAT_32BIT, FORMAT_4LEVEL, FORMAT_PAE, type PagingFormat } from "./paging/formats.js";
import { PageWalk, type PagingRules, type StructureMemory } from "./paging/walk.js";
import { pageNumber, type TlbView, TlbViewPool, VIEW_BYTES } from "./tlb-view.js";

export const Cr0 = { PE: 1, MP: 2, EM: 4, TS: 8, ET: 16, NE: 32, WP: 0x10000, AM: 0x40000, NW: 0x20000000, CD: 0x40000000, PG: 0x80000000 } as const;
export const Cr4 = {
  VME: 1,
  PVI: 2,
  TSD: 4,
  DE: 8,
  PSE: 0x10,
  PAE: 0x20,
  MCE: 0x40,
  PGE: 0x80,
  PCE: 0x100,
  OSFXSR: 0x200,
  OSXMMEXCPT: 0x400,
  UMIP: 0x800,
  VMXE: 0x2000,
  FSGSBASE: 0x10000,
  PCIDE: 0x20000,
  OSXSAVE: 0x40000,
  SMEP: 0x100000,
  SMAP: 0x200000,
  PKE: 0x400000,
} as const;
export const Efer = { SCE: 1, LME: 0x100, LMA: 0x400, NXE: 0x800, SVME: 0x1000, FFXSR: 0x4000 } as const;

/** Code lives on a host page: asked before a page becomes writable without coming here. */
export interface CodePages {
  /** Whether decoded code lies on the host page (host address >>> 12). */
  has(hostPage: number): boolean;
  /** Whether decoded code lies in `length` bytes at host address `host`. */
  overlaps(host: number, length: number): boolean;
  /** Those bytes are about to be written: what was decoded from them is void. */
  written(host: number, length: number): void;
}

/** What {@link Mmu.resolve} answers when there is no host address. */
export const RESOLVE_FAULT = 0;

interface PendingWrite {
  /** Where the bounce buffer's bytes go: up to two runs. */
  length: number;
  parts: { host: number; physical: number; length: number }[];
}

/** Code pages of one view that are remembered. */
const MOST_CODE_PAGES = 16384;

export const VIEW_COUNT = 40;
export const MMU_BYTES = VIEW_BYTES * VIEW_COUNT;

export class Mmu implements LinearMemory {
  readonly walker: PageWalk;
  private readonly pool: TlbViewPool;
  private rules: PagingRules;
  private format: PagingFormat | undefined;
  private rulesKey = "";
  /** PDPTE registers of PAE paging (SDM vol. 3, 4.4.1): low and high halves. */
  readonly pdpte = new Int32Array(8);
  private readonly bytes: Uint8Array;
  private readonly view: DataView;
  private readonly pending: PendingWrite = { length: 0, parts: [] };
  private current!: TlbView;
  /** Runs alone: device accesses are allowed now. */
  alone = false;
  /** Set when an access was refused because the instruction has to run alone. */
  needsAlone = false;
  /** Asked for data breakpoints; undefined while none is armed. */
  onDataAccess: ((linear: bigint, length: number, write: boolean) => void) | undefined;
  /** No translation of this page may be entered in a TLB (data breakpoints). Indexed by pageNumber. */
  readonly watchedPages = new Set<number>();

  constructor(
    private readonly state: CpuState,
    private readonly physical: PhysicalMap,
    private readonly code: CodePages,
    viewsAt: number,
    private readonly physicalBits: number,
    private readonly page1g: () => boolean,
  ) {
    this.bytes = new Uint8Array(state.memory);
    this.view = new DataView(state.memory);
    this.pool = new TlbViewPool(state.memory, viewsAt, VIEW_COUNT);
    const structures: StructureMemory = {
      read32: (address) => {
        const host = this.physical.hostAddress(address, false);
        return host === NOT_RAM ? this.physical.readMmio(address, 4) | 0 : this.view.getInt32(host, true);
      },
      write32: (address, value) => {
        const host = this.physical.hostAddress(address, true);
        if (host === NOT_RAM) {
          this.physical.writeMmio(address, 4, value);
          return;
        }
        if (this.code.has(host >>> 12)) this.code.written(host, 4);
        this.view.setInt32(host, value, true);
      },
    };
    this.walker = new PageWalk(structures);
    this.rules = this.makeRules();
    this.modeChanged();
  }

  private makeRules(): PagingRules {
    const { state } = this;
    const cr0 = state.u32(CR0);
    const cr4 = state.u32(CR4);
    return {
      writeProtect: (cr0 & Cr0.WP) !== 0,
      noExecute: (state.u32(EFER) & Efer.NXE) !== 0,
      smep: (cr4 & Cr4.SMEP) !== 0,
      smap: (cr4 & Cr4.SMAP) !== 0,
      pse: (cr4 & Cr4.PSE) !== 0,
      global: (cr4 & Cr4.PGE) !== 0,
      page1g: this.page1g(),
      reservedHigh: 0xfffff & ~((1 << (this.physicalBits - 32)) - 1),
    };
  }

  /** Control registers, EFER or CPL changed: choose format, rules and view anew. Flushes nothing. */
  modeChanged(): void {
    const { state } = this;
    const cr0 = state.u32(CR0);
    const cr4 = state.u32(CR4);
    const efer = state.u32(EFER);
    this.format =
      (cr0 & Cr0.PG) === 0
        ? undefined
        : (efer & Efer.LMA) !== 0
          ? FORMAT_4LEVEL
          : (cr4 & Cr4.PAE) !== 0
            ? FORMAT_PAE
            : FORMAT_32BIT;
    const relevant = cr4 & (Cr4.PSE | Cr4.PAE | Cr4.PGE | Cr4.SMEP | Cr4.SMAP | Cr4.PCIDE);
    const key = `${cr0 & (Cr0.PG | Cr0.WP)}/${relevant}/${efer & (Efer.LMA | Efer.NXE)}`;
    if (key !== this.rulesKey) {
      this.rulesKey = key;
      this.rules = this.makeRules();
    }
    this.selectView();
  }

  /** Process-context identifier in use (0 without CR4.PCIDE). */
  get pcid(): number {
    return (this.state.u32(CR4) & Cr4.PCIDE) !== 0 ? this.state.u32(CR3) & 0xfff : 0;
  }

  private readonly viewCache = new Map<number, TlbView>();
  private viewCacheKey = "";

  /** Points the state at the view of the current address space and privilege (CPL and, with SMAP, EFLAGS.AC). */
  selectView(): void {
    const { state } = this;
    const user = state.cpl === 3;
    const ac = this.rules.smap && !user && (state.u32(FLAG_OTHERS) & Flag.AC) !== 0;
    const pcid = this.pcid;
    if (this.viewCacheKey !== this.rulesKey) {
      this.viewCacheKey = this.rulesKey;
      this.viewCache.clear();
    }
    const small = pcid * 4 + (user ? 1 : 0) + (ac ? 2 : 0);
    let view = this.viewCache.get(small);
    const key = `${this.rulesKey}/${small}`;
    if (view?.key !== key) {
      view = this.pool.get(key, pcid);
      this.viewCache.set(small, view);
    } else this.pool.get(key, pcid);
    this.current = view;
    state.setU32(TLB_READ, view.read);
    state.setU32(TLB_WRITE, view.write);
    state.setU32(JUMP_CACHE, view.jump);
  }

  // --- invalidation (SDM vol. 3, 4.10.4) ---

  /** Everything, global translations included. */
  flushAll(): void {
    for (const view of this.pool.active()) view.flush();
  }
  /** Non-global translations of one PCID. */
  flushPcid(pcid: number): void {
    for (const view of this.pool.active()) if (view.pcid === pcid) view.flushNonGlobal();
  }
  /** Non-global translations of all PCIDs. */
  flushNonGlobal(): void {
    for (const view of this.pool.active()) view.flushNonGlobal();
  }
  /** INVLPG: the page in the current PCID, and global translations of it in any. */
  invalidatePage(linear: bigint, pcid?: number): void {
    const low = Number(BigInt.asIntN(32, linear));
    const high = Number(BigInt.asIntN(32, linear >> 32n));
    for (const view of this.pool.active()) {
      if (pcid === undefined || view.pcid === pcid || this.rules.global) view.invalidate(low, high);
    }
  }
  /** Code was decoded on a host page: writes to it must come here from now on. */
  protectHostPage(host: number): void {
    for (const view of this.pool.active()) view.protectHostPage(host);
  }
  /** All jump caches: decoded code moved. */
  flushCode(): void {
    for (const view of this.pool.active()) view.flushCode();
  }

  // --- translation ---

  /** Loads the PDPTE registers from memory at CR3; returns false when one has a reserved bit set (then #GP). */
  loadPdptes(cr3: number): boolean {
    const base = (cr3 & 0xffffffe0) >>> 0;
    const entries = new Int32Array(8);
    for (let i = 0; i < 4; i++) {
      const host = this.physical.hostAddress(base + i * 8, false);
      entries[i * 2] = host === NOT_RAM ? -1 : this.view.getInt32(host, true);
      entries[i * 2 + 1] = host === NOT_RAM ? -1 : this.view.getInt32(host + 4, true);
      const reservedHigh = ~((1 << (this.physicalBits - 32)) - 1);
      if ((entries[i * 2]! & 1) !== 0 && ((entries[i * 2]! & 0x1e6) !== 0 || (entries[i * 2 + 1]! & reservedHigh) !== 0)) {
        return false;
      }
    }
    this.pdpte.set(entries);
    return true;
  }

  /**
   * Walks for one access. Returns the physical address of the 4 KiB page; throws a page fault.
   * `walker.write/fetch/user/ac` say what the access is.
   */
  private translate(low: number, high: number): number {
    const { walker, format, state } = this;
    if (format === undefined) {
      walker.writable = true;
      walker.global = false;
      walker.pageShift = 12;
      return (low & ~0xfff) >>> 0;
    }
    let root: number;
    if (format === FORMAT_PAE) {
      const index = low >>> 30;
      const entry = this.pdpte[index * 2]!;
      if ((entry & 1) === 0) {
        const code =
          (walker.write ? 2 : 0) | (walker.user ? 4 : 0) | (walker.fetch && (this.rules.noExecute || this.rules.smep) ? 16 : 0);
        throw this.pageFault(code, low, high);
      }
      root = (entry & ~0xfff) >>> 0;
      root += (this.pdpte[index * 2 + 1]! & 0xfffff) * 0x1_0000_0000;
    } else {
      const cr3 = state.u32(CR3);
      root = (cr3 & ~0xfff) >>> 0;
      if (format === FORMAT_4LEVEL) root += (state.u32(CR3 + 4) & 0xfffff) * 0x1_0000_0000;
    }
    if (!walker.run(format, this.rules, root, low, high)) throw this.pageFault(walker.error, low, high);
    return walker.page;
  }

  private pageFault(code: number, low: number, high: number): Fault {
    return new Fault(Vector.PF, code, (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0));
  }

  private setAccess(write: boolean, fetch: boolean, privilege: Privilege): void {
    const { walker, state } = this;
    walker.write = write;
    walker.fetch = fetch;
    walker.user = privilege === "user" || (privilege === "current" && state.cpl === 3);
    walker.ac = privilege !== "system" && (state.u32(FLAG_OTHERS) & Flag.AC) !== 0;
  }

  private canonical(high: number): boolean {
    if (this.format !== FORMAT_4LEVEL) return true;
    const top = high >> 15;
    return top === 0 || top === -1;
  }

  /** Keeps what is remembered of the current view's code pages within bounds. */
  limitCodePages(): void {
    if (this.current.codePages.size > MOST_CODE_PAGES) this.current.flushCode();
  }

  /** Physical address for an instruction fetch; throws #PF (or #GP for a non-canonical RIP). */
  translateFetch(low: number, high: number): number {
    const page = pageNumber(low, high);
    const known = this.current.codePages.get(page);
    if (known !== undefined) return known + (low & 0xfff);
    if (!this.canonical(high)) throw new Fault(Vector.GP, 0);
    this.setAccess(false, true, "current");
    const physical = this.translate(low, high);
    this.current.codePages.set(page, physical);
    return physical + (low & 0xfff);
  }

  /** Physical address of an access, for callers outside generated code; throws faults. Fills no TLB. */
  translateAccess(linear: bigint, write: boolean, privilege: Privilege): number {
    const low = Number(BigInt.asIntN(32, linear));
    const high = Number(BigInt.asIntN(32, linear >> 32n));
    if (!this.canonical(high)) throw new Fault(Vector.GP, 0);
    this.setAccess(write, false, privilege);
    return this.translate(low, high) + (low & 0xfff);
  }

  /**
   * The slow path of generated code. Returns a host address that is good for `bytes` bytes: in guest RAM, or
   * the bounce buffer, for which {@link commit} finishes a write. Throws faults. Returns 0 with
   * {@link needsAlone} set when the access touches a device and the instruction does not run alone.
   */
  resolve(low: number, high: number, bytes: number, write: boolean, update: boolean, stack: boolean): number {
    const last = ((low & 0xfff) + bytes - 1) >>> 12;
    if (this.format !== undefined && !this.canonical(high)) throw new Fault(stack ? Vector.SS : Vector.GP, 0);
    this.setAccess(write, false, "current");
    if (this.onDataAccess && this.watchedPages.size > 0) this.watch(low, high, bytes, write);
    if (last === 0) {
      const page = this.translate(low, high);
      const { walker } = this;
      const host = this.physical.hostAddress(page, write);
      if (host !== NOT_RAM) {
        const watched = this.watchedPages.size > 0 && this.watchedPages.has(pageNumber(low, high));
        const addend = (host - (low & ~0xfff)) | 0;
        const large = walker.pageShift > 12;
        const hasCode = this.code.has(host >>> 12);
        if (!watched) {
          const mayWrite = walker.writable && !hasCode && (write || this.physical.hostAddress(page, true) !== NOT_RAM);
          // The other table is filled too, but never at the cost of a page that is in use there: a copy between
          // pages of equal index would evict its own translations for ever.
          const other = write ? "read" : "write";
          if (!write || mayWrite) this.current.fill(write ? "write" : "read", low, high, addend, walker.global, large);
          if ((write || mayWrite) && this.current.isFree(other, low)) {
            this.current.fill(other, low, high, addend, walker.global, large);
          }
        }
        const address = host + (low & 0xfff);
        if (write && hasCode && this.code.overlaps(address, bytes)) {
          // Perhaps the very block that runs now: the store runs alone, then its code is looked up afresh.
          if (!this.alone) {
            this.needsAlone = true;
            return RESOLVE_FAULT;
          }
          this.code.written(address, bytes);
        }
        return address;
      }
      return this.bounce([{ physical: page + (low & 0xfff), length: bytes }], bytes, write, update);
    }
    const firstLength = 4096 - (low & 0xfff);
    const first = this.translate(low, high) + (low & 0xfff);
    const nextLow = ((low & ~0xfff) + 4096) | 0;
    const wraps = nextLow === 0;
    const nextHigh = wraps ? (this.format === FORMAT_4LEVEL || this.state.longModeActive ? (high + 1) | 0 : 0) : high;
    if (this.format !== undefined && !this.canonical(nextHigh)) throw new Fault(stack ? Vector.SS : Vector.GP, 0);
    const second = this.translate(nextLow, nextHigh);
    return this.bounce(
      [
        { physical: first, length: firstLength },
        { physical: second, length: bytes - firstLength },
      ],
      bytes,
      write,
      update,
    );
  }

  private watch(low: number, high: number, bytes: number, write: boolean): void {
    const linear = (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
    this.onDataAccess?.(linear, bytes, write);
  }

  /** Assembles an access in the bounce buffer. */
  private bounce(
    parts: { physical: number; length: number }[],
    length: number,
    write: boolean,
    update: boolean,
  ): number {
    const at = this.state.base + BOUNCE;
    const { pending } = this;
    pending.parts = [];
    pending.length = length;
    let offset = 0;
    for (const { physical, length: partLength } of parts) {
      const host = this.physical.hostAddress(physical, write);
      const needsDevice = host === NOT_RAM && !this.romWrite(physical, write);
      const overCode = write && host !== NOT_RAM && this.code.has(host >>> 12) && this.code.overlaps(host, partLength);
      if ((needsDevice || overCode) && !this.alone) {
        this.needsAlone = true;
        return RESOLVE_FAULT;
      }
      if (needsDevice) this.state.setU32(DEVICE_TOUCHED, 1);
      pending.parts.push({ host, physical, length: partLength });
    }
    if (!write || update) {
      for (const part of pending.parts) {
        if (part.host !== NOT_RAM) this.bytes.copyWithin(at + offset, part.host, part.host + part.length);
        else this.readDevice(part.physical, part.length, at + offset);
        offset += part.length;
      }
    }
    return at;
  }

  private romWrite(physical: number, write: boolean): boolean {
    return write && this.physical.hostAddress(physical, false) !== NOT_RAM;
  }

  /** Completes a write made to the bounce buffer. */
  commit(): void {
    let at = this.state.base + BOUNCE;
    for (const part of this.pending.parts) {
      if (part.host !== NOT_RAM) {
        if (this.code.has(part.host >>> 12)) this.code.written(part.host, part.length);
        this.bytes.copyWithin(part.host, at, at + part.length);
      } else if (!this.romWrite(part.physical, true)) this.writeDevice(part.physical, part.length, at);
      at += part.length;
    }
  }

  private readDevice(physical: number, length: number, to: number): void {
    for (let done = 0; done < length; ) {
      const address = physical + done;
      const left = length - done;
      const size = left >= 4 && address % 4 === 0 ? 4 : left >= 2 && address % 2 === 0 ? 2 : 1;
      const value = this.physical.readMmio(address, size);
      if (size === 4) this.view.setUint32(to + done, value, true);
      else if (size === 2) this.view.setUint16(to + done, value, true);
      else this.view.setUint8(to + done, value);
      done += size;
    }
  }

  private writeDevice(physical: number, length: number, from: number): void {
    for (let done = 0; done < length; ) {
      const address = physical + done;
      const left = length - done;
      const size = left >= 4 && address % 4 === 0 ? 4 : left >= 2 && address % 2 === 0 ? 2 : 1;
      const value =
        size === 4
          ? this.view.getUint32(from + done, true)
          : size === 2
            ? this.view.getUint16(from + done, true)
            : this.view.getUint8(from + done);
      this.physical.writeMmio(address, size, value);
      done += size;
    }
  }

  // --- LinearMemory ---

  /** Visits the physical pieces of a linear range; all are translated before the first is visited. */
  private pieces(
    address: bigint,
    length: number,
    write: boolean,
    privilege: Privilege,
    visit: (physical: number, length: number, offset: number) => void,
  ): void {
    const list: [number, number, number][] = [];
    for (let done = 0; done < length; ) {
      let linear = address + BigInt(done);
      if (!this.state.longModeActive) linear = BigInt.asUintN(32, linear);
      const inPage = Math.min(length - done, 4096 - Number(linear & 0xfffn));
      list.push([this.translateAccess(BigInt.asUintN(64, linear), write, privilege), inPage, done]);
      done += inPage;
    }
    for (const [physical, size, offset] of list) visit(physical, size, offset);
  }

  readBytes(address: bigint, length: number, privilege: Privilege = "current"): Uint8Array {
    const result = new Uint8Array(length);
    this.pieces(address, length, false, privilege, (physical, size, offset) => {
      const host = this.physical.hostAddress(physical, false);
      if (host !== NOT_RAM) result.set(this.bytes.subarray(host, host + size), offset);
      else for (let i = 0; i < size; i++) result[offset + i] = this.physical.readMmio(physical + i, 1);
    });
    return result;
  }

  writeBytes(address: bigint, bytes: Uint8Array, privilege: Privilege = "current"): void {
    this.pieces(address, bytes.length, true, privilege, (physical, size, offset) => {
      const host = this.physical.hostAddress(physical, true);
      if (host !== NOT_RAM) {
        if (this.code.has(host >>> 12)) this.code.written(host, size);
        this.bytes.set(bytes.subarray(offset, offset + size), host);
      } else for (let i = 0; i < size; i++) this.physical.writeMmio(physical + i, 1, bytes[offset + i]!);
    });
  }

  probeWrite(address: bigint, length: number, privilege: Privilege = "current"): void {
    this.pieces(address, length, true, privilege, () => {});
  }

  read(address: bigint, size: 1 | 2 | 4 | 8, privilege: Privilege = "current"): bigint {
    const offset = Number(address & 0xfffn);
    if (offset + size <= 4096) {
      const physical = this.translateAccess(address, false, privilege);
      const host = this.physical.hostAddress(physical, false);
      if (host !== NOT_RAM) {
        if (size === 8) return this.view.getBigUint64(host, true);
        if (size === 4) return BigInt(this.view.getUint32(host, true));
        if (size === 2) return BigInt(this.view.getUint16(host, true));
        return BigInt(this.view.getUint8(host));
      }
    }
    let value = 0n;
    const bytes = this.readBytes(address, size, privilege);
    for (let i = size - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i]!);
    return value;
  }

  write(address: bigint, size: 1 | 2 | 4 | 8, value: bigint, privilege: Privilege = "current"): void {
    const offset = Number(address & 0xfffn);
    if (offset + size <= 4096) {
      const physical = this.translateAccess(address, true, privilege);
      const host = this.physical.hostAddress(physical, true);
      if (host !== NOT_RAM) {
        if (this.code.has(host >>> 12)) this.code.written(host, size);
        if (size === 8) this.view.setBigUint64(host, value, true);
        else if (size === 4) this.view.setUint32(host, Number(BigInt.asUintN(32, value)), true);
        else if (size === 2) this.view.setUint16(host, Number(BigInt.asUintN(16, value)), true);
        else this.view.setUint8(host, Number(BigInt.asUintN(8, value)));
        return;
      }
    }
    const bytes = new Uint8Array(size);
    for (let i = 0; i < size; i++) bytes[i] = Number((value >> BigInt(8 * i)) & 0xffn);
    this.writeBytes(address, bytes, privilege);
  }
}
