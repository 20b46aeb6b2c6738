/**
 * Memory management of one CPU: fills the TLB views with what the translator finds, and serves every access that
 * the inline TLB test of generated code does not (SDM vol. 3, chapters 4, 11 and 29).
 *
 * Pages that hold decoded code, devices, and the APIC-access page of a guest are never entered in a write TLB:
 * such writes come here.
 */
import { Vector } from "../isa/emit.js";
import { Flag } from "../isa/flags.js";
import { CR3, CR4, FLAG_OTHERS, LEFT, RIP } from "../isa/state.js";
import { NOT_RAM, type PhysicalMap } from "../memory/physical.js";
import { BounceBuffer } from "./bounce.js";
import type { CodePages } from "./code-pages.js";
import type { TlbControl } from "./context.js";
import { Cr4 } from "./control-bits.js";
import type { CpuState } from "./cpu-state.js";
import { type AccessWatcher, RunAlone } from "./debugger.js";
import { Fault } from "./fault.js";
import { pageNumber } from "./fetch-tlb.js";
import { LinearAccess } from "./linear-access.js";
import type { Privilege } from "./linear-memory.js";
import { WalkExplainer, type WalkExplanation, type WalkQuestion } from "./paging/explain.js";
import { FORMAT_4LEVEL } from "./paging/formats.js";
import { PhysicalStructures } from "./paging/structures.js";
import { LinearTranslator } from "./paging/translator.js";
import { NO_EPT, type TlbView, TlbViewPool, VIEW_BYTES } from "./tlb-view.js";
import { ViewSelection } from "./view-selection.js";
import type { ApicAccessPage, GuestTranslation } from "./vmx/ept-guest.js";
import { EptOperation } from "./vmx/ept-operation.js";

export type { CodePages } from "./code-pages.js";
export { Cr0, Cr4, Efer } from "./control-bits.js";

/** What {@link Mmu.resolve} answers when there is no host address. */
export const RESOLVE_FAULT = 0;

export const VIEW_COUNT = 40;
export const MMU_BYTES = VIEW_BYTES * VIEW_COUNT;

export class Mmu extends LinearAccess implements TlbControl {
  private readonly pool: TlbViewPool;
  private readonly translator: LinearTranslator;
  private readonly bounce: BounceBuffer;
  private readonly operation: EptOperation;
  private readonly selection: ViewSelection;
  onDataAccess: AccessWatcher | undefined;
  /** No translation of this page may be entered in a TLB (data breakpoints). Indexed by pageNumber. */
  readonly watchedPages = new Set<number>();

  constructor(
    state: CpuState,
    physical: PhysicalMap,
    code: CodePages,
    viewsAt: number,
    physicalBits: number,
    page1g: () => boolean,
  ) {
    super(state, physical, code);
    this.pool = new TlbViewPool(state.memory, viewsAt, VIEW_COUNT);
    this.selection = new ViewSelection(state, this.pool);
    const structures = new PhysicalStructures(state.memory, physical, code);
    this.translator = new LinearTranslator(state, structures, physicalBits, page1g);
    this.bounce = new BounceBuffer(state, physical, code);
    const tables = new PhysicalStructures(state.memory, physical, code);
    this.operation = new EptOperation(state, this.translator, structures, tables, physicalBits, page1g);
    this.modeChanged();
  }

  /** Runs alone: device accesses are allowed now. */
  get alone(): boolean {
    return this.bounce.alone;
  }
  set alone(value: boolean) {
    this.bounce.alone = value;
  }
  /** Set when an access was refused because the instruction has to run alone. */
  get needsAlone(): boolean {
    return this.bounce.needsAlone;
  }

  /** Whom to tell of loads and stores that went to a device. */
  set onDevice(told: () => void) {
    this.bounce.onDevice = told;
  }

  // --- address spaces ---

  /** Control registers, EFER or CPL changed: choose format, rules and view anew. Flushes nothing. */
  modeChanged(): void {
    this.translator.modeChanged();
    this.selectView();
  }

  /** Process-context identifier in use (0 without CR4.PCIDE). */
  get pcid(): number {
    return (this.state.u32(CR4) & Cr4.PCIDE) !== 0 ? this.state.u32(CR3) & 0xfff : 0;
  }

  /** Points the state at the view of the current address space and privilege (CPL and, with SMAP, EFLAGS.AC). */
  selectView(): void {
    const { pcid, translator } = this;
    const { space } = this.operation;
    // Below 2^53: 10 bits of rules, 12 of PCID, 2 of privilege.
    const key = (space.id * 0x400 + translator.rulesKey) * 0x4000 + pcid * 4;
    this.selection.select({ key, pcid, space, smap: translator.rules.smap });
  }

  /** The same when only the privilege (or PKRU) can have changed. */
  selectPrivilege(): void {
    this.selection.selectPrivilege();
  }

  /** Somebody wants to be told of each change of privilege. */
  set privilegeIsWatched(watched: boolean) {
    this.selection.watch(watched);
  }

  private get current(): TlbView {
    return this.selection.current;
  }

  /** VM entry: what is translated from now on is the guest's. The caller loads control registers and calls {@link modeChanged}. */
  enterNonRoot(guest: GuestTranslation): void {
    this.operation.enter(guest);
    this.bounce.apic = guest.apic;
    if (guest.vpid === 0) this.flushVpid(0);
  }

  /** VM exit. The caller loads control registers and calls {@link modeChanged}. */
  leaveNonRoot(): void {
    const { vpid } = this.operation.space;
    this.operation.leave();
    this.bounce.apic = undefined;
    if (vpid === 0) this.flushVpid(0);
  }

  /** VMFUNC leaf 0, and whatever else changes the EPTP while a guest runs. */
  switchEptp(eptp: bigint): void {
    this.operation.switchEptp(eptp);
    if (this.operation.space.vpid === 0) this.flushVpid(0);
    this.selectView();
  }

  protected get wide(): boolean {
    return this.translator.format === FORMAT_4LEVEL;
  }
  protected get apicPage(): ApicAccessPage | undefined {
    return this.bounce.apic;
  }

  // --- invalidation (SDM vol. 3, 4.10.4 and 29.4.3) ---

  /** Flushed views are not in use any more, unless selected again. */
  private flushViews(which: (view: TlbView) => boolean): void {
    this.pool.flush(which);
    this.selection.touch();
  }
  private flushVpid(vpid: number): void {
    this.flushViews((view) => view.vpid === vpid);
  }

  /** Everything, of all guests, too: the physical address space changed, or what may be in a TLB at all. */
  flushEverything(): void {
    this.operation.invalidate();
    this.flushViews(() => true);
  }
  /** All mappings of the current VPID, global ones included. */
  flushAll(): void {
    this.flushVpid(this.operation.space.vpid);
  }
  /** Non-global mappings of one PCID of the current VPID. */
  flushPcid(pcid: number): void {
    const { vpid } = this.operation.space;
    for (const view of this.pool.touched())
      if (view.pcid === pcid && view.vpid === vpid) view.flushNonGlobal();
  }
  /** Non-global mappings of the current VPID, of all PCIDs. */
  flushNonGlobal(): void {
    this.flushNonGlobalOf(this.operation.space.vpid);
  }
  private flushNonGlobalOf(vpid: number): void {
    for (const view of this.pool.touched()) if (view.vpid === vpid) view.flushNonGlobal();
  }
  /** INVLPG: the page in one PCID of the current VPID, and global mappings of it in any. */
  invalidatePage(linear: bigint, pcid?: number): void {
    const everyPcid = pcid === undefined || this.translator.rules.global;
    this.invalidateAddress(linear, this.operation.space.vpid, everyPcid ? undefined : pcid);
  }
  private invalidateAddress(linear: bigint, vpid: number, pcid: number | undefined): void {
    const low = Number(BigInt.asIntN(32, linear));
    const high = Number(BigInt.asIntN(32, linear >> 32n));
    this.pool.invalidate(low, high, vpid, pcid);
  }

  /** INVEPT: 1 single-context, 2 all-context; false for any other type. */
  invalidateEpt(type: number, eptp: bigint): boolean {
    if (type !== 1 && type !== 2) return false;
    const root = this.operation.invalidate(type === 1 ? eptp : undefined);
    this.flushViews((view) => view.eptRoot !== NO_EPT && (root === undefined || view.eptRoot === root));
    return true;
  }

  /**
   * INVVPID: 0 individual address, 1 single context, 2 all contexts, 3 single context retaining globals; false for any
   * other type. The caller has checked that `vpid` is not 0 and `linear` canonical.
   */
  invalidateVpid(type: number, vpid: number, linear: bigint): boolean {
    if (type === 0) this.invalidateAddress(linear, vpid, undefined);
    else if (type === 1) this.flushVpid(vpid);
    else if (type === 2) this.flushViews((view) => view.vpid !== 0);
    else if (type === 3) this.flushNonGlobalOf(vpid);
    else return false;
    return true;
  }

  /** Code was decoded on a host page: writes to it must come here from now on. */
  protectHostPage(host: number): void {
    for (const view of this.pool.touched()) view.protectHostPage(host);
  }
  /** All jump caches: decoded code moved. */
  flushCode(): void {
    for (const view of this.pool.touched()) view.fetch.flush();
  }

  // --- translation ---

  /** PDPTE registers of PAE paging: low and high halves. VM entry and exit read and write them (SDM vol. 3, 27.3.2.4). */
  get pdpte(): Int32Array {
    return this.translator.pdpte;
  }
  /** Loads the PDPTE registers from memory at CR3; returns false when one has a reserved bit set (then #GP). */
  loadPdptes(cr3: number): boolean {
    return this.translator.loadPdptes(cr3);
  }
  /** Sets the PDPTE registers; returns false, and changes nothing, when one has a reserved bit set. */
  setPdptes(halves: Int32Array): boolean {
    return this.translator.setPdptes(halves);
  }

  /** What a walk for an address would do, step by step; changes nothing. */
  explainWalk(question: WalkQuestion): WalkExplanation {
    return new WalkExplainer(this.translator, this.physical, this.view).explain(question);
  }

  /** The TLB views that hold something, for debuggers. */
  describeViews(): { pcid: number; vpid: number; entries: number }[] {
    return Array.from(this.pool.touched(), ({ pcid, vpid, entries }) => ({ pcid, vpid, entries }));
  }

  private setAccess(write: boolean, fetch: boolean): void {
    const { state } = this;
    this.translator.setAccess(write, fetch, state.cpl === 3, (state.u32(FLAG_OTHERS) & Flag.AC) !== 0);
  }

  /** Keeps what is remembered of the current view's code pages within bounds. */
  limitCodePages(): void {
    this.current.limit();
  }

  /** Physical address of a page from which the current address space fetched lately. @param page number of a linear page */
  knownCodePage(page: number): number | undefined {
    const physical = this.current.fetch.lookup((page * 4096) | 0, Math.floor(page / 0x100000) | 0);
    return physical < 0 ? undefined : physical;
  }

  /**
   * The jump cache's slot for the state's RIP is filled, with a block fetched from the page of a linear address; for a
   * block of two pages it is told of both. Both were translated since the last flush.
   */
  noteJump(low: number, high: number): void {
    this.current.fetch.noteJump(this.state.i32(RIP), low, high);
  }

  /** Physical address for an instruction fetch; throws #PF (or #GP for a non-canonical RIP). */
  translateFetch(low: number, high: number): number {
    const { fetch } = this.current;
    const known = fetch.lookup(low, high);
    if (known >= 0) return known + (low & 0xfff);
    const { translator } = this;
    if (!translator.canonical(high)) throw new Fault(Vector.GP, 0);
    this.setAccess(false, true);
    const physical = translator.translate(low, high);
    const { apicPage } = this;
    if (apicPage !== undefined && physical === apicPage.page) apicPage.onApicAccess(low & 0xfff, 1, "fetch");
    fetch.add(low, high, physical, translator.global);
    const { pageShift } = translator;
    if (pageShift > 12) this.current.noteLarge(low, high, pageShift);
    return physical + (low & 0xfff);
  }

  private prepareAccess(high: number, write: boolean, privilege: Privilege): void {
    const { state, translator } = this;
    if (!translator.canonical(high)) throw new Fault(Vector.GP, 0);
    const user = privilege === "user" || (privilege === "current" && state.cpl === 3);
    translator.setAccess(
      write,
      false,
      user,
      privilege !== "system" && (state.u32(FLAG_OTHERS) & Flag.AC) !== 0,
    );
  }

  protected locate(low: number, high: number, write: boolean, privilege: Privilege): number {
    const view = privilege === "current" ? this.current : this.selection.implicit(privilege);
    const known = view.lookup(write, low, high);
    if (known !== NOT_RAM) return known;
    this.prepareAccess(high, write, privilege);
    const page = this.translator.translate(low, high);
    const host = this.hostPage(page, write);
    if (host === NOT_RAM) {
      this.located = page + (low & 0xfff);
      return NOT_RAM;
    }
    this.enter(view, low, high, page, host, write);
    return host + (low & 0xfff);
  }

  /** Host address of a physical page that may be entered in a TLB, or NOT_RAM. */
  private hostPage(page: number, write: boolean): number {
    const { apicPage } = this;
    if (apicPage !== undefined && page === apicPage.page) return NOT_RAM;
    return this.physical.hostAddress(page, write);
  }

  /** Enters the translation that was just found in a view. */
  private enter(view: TlbView, low: number, high: number, page: number, host: number, write: boolean): void {
    if (this.watchedPages.size > 0 && this.watchedPages.has(pageNumber(low, high))) return;
    const { selection } = this;
    if (selection.checksAlignment && view === selection.current) return;
    const { writable, global, pageShift } = this.translator;
    const addend = (host - (low & ~0xfff)) | 0;
    const mayWrite =
      writable && !this.code.has(host >>> 12) && (write || this.physical.hostAddress(page, true) !== NOT_RAM);
    // The other table is filled too, but never at the cost of a page that is in use there: a copy between
    // pages of equal index would evict its own translations for ever.
    const other = write ? "read" : "write";
    if (!write || mayWrite) view.fill(write ? "write" : "read", low, high, addend, global, pageShift);
    if ((write || mayWrite) && view.isFree(other, low))
      view.fill(other, low, high, addend, global, pageShift);
  }

  /**
   * The slow path of generated code. Returns a host address that is good for `bytes` bytes: in guest RAM, or
   * the bounce buffer, for which {@link commit} finishes a write. Throws faults and VM exits. Returns 0 with
   * {@link needsAlone} set when the access touches a device and the instruction does not run alone.
   */
  resolve(low: number, high: number, bytes: number, write: boolean, update: boolean, stack: boolean): number {
    const { translator, bounce } = this;
    if (!translator.canonical(high)) throw new Fault(stack ? Vector.SS : Vector.GP, 0);
    this.setAccess(write, false);
    if (this.onDataAccess && this.watch(low, high, bytes, write, !write || update)) return RESOLVE_FAULT;
    const inPage = 4096 - (low & 0xfff);
    const page = translator.translate(low, high);
    if (this.selection.checksAlignment && bytes <= 8 && (low & (bytes - 1)) !== 0)
      throw new Fault(Vector.AC, 0);
    if (bytes <= inPage) {
      const host = this.hostPage(page, write);
      if (host !== NOT_RAM) {
        this.enter(this.current, low, high, page, host, write);
        return this.ready(host + (low & 0xfff), bytes, write);
      }
      bounce.begin();
      bounce.add(page + (low & 0xfff), bytes);
      return bounce.open(write, update);
    }
    const nextLow = ((low & ~0xfff) + 4096) | 0;
    const nextHigh = nextLow !== 0 ? high : this.wide ? (high + 1) | 0 : 0;
    if (!translator.canonical(nextHigh)) throw new Fault(stack ? Vector.SS : Vector.GP, 0);
    const nextPage = translator.translate(nextLow, nextHigh);
    bounce.begin();
    bounce.add(page + (low & 0xfff), inPage);
    bounce.add(nextPage, bytes - inPage);
    return bounce.open(write, update);
  }

  /** An address in RAM, after what has to happen before code is written. */
  private ready(address: number, bytes: number, write: boolean): number {
    if (!write || !this.code.has(address >>> 12) || !this.code.overlaps(address, bytes)) return address;
    // Perhaps the very block that runs now: the store runs alone, then its code is looked up afresh.
    if (!this.alone) {
      this.bounce.needsAlone = true;
      return RESOLVE_FAULT;
    }
    this.code.written(address, bytes);
    return address;
  }

  /** Returns true when the access is refused because the instruction has to run alone. */
  private watch(low: number, high: number, bytes: number, write: boolean, read: boolean): boolean {
    const linear = (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
    if (!this.onDataAccess?.(linear, bytes, write, read, !this.alone) || this.alone) return false;
    this.bounce.needsAlone = true;
    return true;
  }

  protected get watching(): boolean {
    return this.onDataAccess !== undefined;
  }
  protected accessed(address: bigint, length: number, write: boolean): void {
    if (this.onDataAccess === undefined) return;
    // Either a helper is at work in a block, or an event is being delivered, which does not start over.
    const shared = !this.alone && this.state.u32(LEFT) !== 0;
    const linear = BigInt.asUintN(this.wide ? 64 : 32, address);
    if (this.onDataAccess(linear, length, write, !write, shared) && shared) throw new RunAlone();
  }

  /** Completes a write made to the bounce buffer. */
  commit(): void {
    this.bounce.commit();
  }
}
