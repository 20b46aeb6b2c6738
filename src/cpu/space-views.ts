/**
 * The TLB views of the address space in use, and of the one before: VM entries and VM exits go to and fro between two.
 */
import type { AddressSpace, TlbView, TlbViewPool } from "./tlb-view.js";

/** Privileges with which a space is seen. */
const PRIVILEGES = 4;
type Views = (TlbView | undefined)[];

export class SpaceViews {
  /** Key of the space and mode; that of a view is this plus the privilege. */
  private key = -1;
  private views: Views = new Array(PRIVILEGES).fill(undefined);
  private otherKey = -1;
  private otherViews: Views = new Array(PRIVILEGES).fill(undefined);

  constructor(private readonly pool: TlbViewPool) {}

  /** Another space may be in use from now on. */
  select(key: number): void {
    if (key === this.key) return;
    const { views, otherKey } = this;
    this.views = this.otherViews;
    this.otherViews = views;
    this.otherKey = this.key;
    this.key = key;
    for (let privilege = 0; privilege < PRIVILEGES; privilege++) {
      const view = this.views[privilege];
      if (view === undefined) continue;
      // Meanwhile a view may have come to serve another space.
      const same = view.key === otherKey + privilege;
      if (same && otherKey === key) this.pool.use(view);
      else {
        if (same) view.held = false;
        this.views[privilege] = undefined;
      }
    }
  }

  get(privilege: number, pcid: number, space: AddressSpace): TlbView {
    let view = this.views[privilege];
    if (view === undefined) {
      view = this.pool.get(this.key + privilege, pcid, space);
      view.held = true;
      this.views[privilege] = view;
    }
    return view;
  }

  /** The view for a privilege, if there is one already. */
  known(privilege: number): TlbView | undefined {
    return this.views[privilege];
  }

  /** The view whose read TLB lies at `read`. */
  at(read: number): TlbView | undefined {
    return this.views.find((view) => view?.read === read);
  }

  /** After a flush: what is selected stays in use. */
  touch(): void {
    for (const view of this.views) if (view !== undefined) view.touched = true;
  }
}
