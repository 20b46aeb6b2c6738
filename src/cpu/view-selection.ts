/**
 * Which TLB view is in use: that of the address space, the rules of its mode, and the privilege.
 *
 * Privilege changes with every system call, so generated code may do it by itself (isa/families/system-call.ts): the
 * views that it needs lie in the CPU's state, and what is in use is read from there.
 */
import { Flag } from "../isa/flags.js";
import {
  CR0,
  FLAG_OTHERS,
  JUMP_CACHE,
  PRIVILEGE_VIEWS,
  PrivilegeView,
  TLB_READ,
  TLB_WRITE,
} from "../isa/state.js";
import { Cr0 } from "./control-bits.js";
import type { CpuState } from "./cpu-state.js";
import { SpaceViews } from "./space-views.js";
import type { AddressSpace, TlbView, TlbViewPool } from "./tlb-view.js";

/**
 * Views of one address space: bit 0 user privilege, bit 1 SMAP suspended, or for user privilege alignment checked. The
 * TLBs of that last one stay empty, so that every access comes to `Mmu.resolve`.
 */
const USER = 1;
const AC = 2;
const CHECKED = USER | AC;

/** An address space as it is used. */
export interface UsedSpace {
  /** Of the space and the rules of its mode: a multiple of 4. */
  readonly key: number;
  readonly pcid: number;
  readonly space: AddressSpace;
  /** Supervisor-mode access prevention is on. */
  readonly smap: boolean;
}

export class ViewSelection {
  private readonly siblings: SpaceViews;
  private used: UsedSpace = { key: -1, pcid: 0, space: { vpid: 0, eptRoot: -1 }, smap: false };
  private selected: TlbView | undefined;
  private watched = false;

  constructor(
    private readonly state: CpuState,
    pool: TlbViewPool,
  ) {
    this.siblings = new SpaceViews(pool);
  }

  /** The view that the state points at. */
  get current(): TlbView {
    const { selected } = this;
    const read = this.state.i32(TLB_READ);
    if (selected !== undefined && selected.read === read) return selected;
    const view = this.siblings.at(read)!;
    this.selected = view;
    return view;
  }

  /** Of the current view: accesses of 2, 4 and 8 bytes have to be aligned. */
  get checksAlignment(): boolean {
    return this.siblings.known(CHECKED)?.read === this.state.i32(TLB_READ);
  }

  /** Another space or mode may be in use from now on. */
  select(used: UsedSpace): void {
    this.used = used;
    this.siblings.select(used.key);
    this.show();
    this.selectPrivilege();
  }

  /** Whether somebody wants to be told of each change of privilege, so that generated code may make none. */
  watch(watched: boolean): void {
    this.watched = watched;
    this.show();
  }

  /** Points the state at the view for CPL and EFLAGS.AC. */
  selectPrivilege(): void {
    const { state } = this;
    const view =
      state.cpl === 3 ? this.get(this.alignmentMatters() ? CHECKED : USER) : this.implicit("supervisor");
    this.selected = view;
    state.setU32(TLB_READ, view.read);
    state.setU32(TLB_WRITE, view.write);
    state.setU32(JUMP_CACHE, view.jump);
  }

  /** The view for an access that is not made with the current privilege. */
  implicit(privilege: "user" | "supervisor" | "system"): TlbView {
    if (privilege === "user") return this.get(USER);
    return this.get(privilege === "supervisor" && this.smapSuspended() ? AC : 0);
  }

  /** After a flush: what is selected stays in use. */
  touch(): void {
    this.siblings.touch();
  }

  private get(privilege: number): TlbView {
    const known = this.siblings.known(privilege);
    if (known !== undefined) return known;
    const view = this.siblings.get(privilege, this.used.pcid, this.used.space);
    this.show();
    return view;
  }

  /** Lets generated code select the views that there are, if nobody minds. */
  private show(): void {
    this.showAt(PrivilegeView.kernel, 0);
    this.showAt(PrivilegeView.user, USER);
  }

  private showAt(place: number, privilege: number): void {
    const { state } = this;
    const view = this.watched ? undefined : this.siblings.known(privilege);
    const at = PRIVILEGE_VIEWS + place * PrivilegeView.size;
    state.setU32(at + PrivilegeView.read, view?.read ?? 0);
    state.setU32(at + PrivilegeView.write, view?.write ?? 0);
    state.setU32(at + PrivilegeView.jump, view?.jump ?? 0);
  }

  /** CR0.AM and EFLAGS.AC: user code gets #AC for unaligned accesses (SDM vol. 3, 6.15). */
  private alignmentMatters(): boolean {
    const { state } = this;
    return (state.u32(FLAG_OTHERS) & Flag.AC) !== 0 && (state.u32(CR0) & Cr0.AM) !== 0;
  }

  /** SMAP is on, and EFLAGS.AC suspends it for explicit supervisor accesses. */
  private smapSuspended(): boolean {
    return this.used.smap && (this.state.u32(FLAG_OTHERS) & Flag.AC) !== 0;
  }
}
