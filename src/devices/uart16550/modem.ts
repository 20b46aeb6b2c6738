/**
 * The modem half of the 16550A: levels of the four inputs and their delta bits (data sheet, "Modem status
 * register"), as functions of the registers.
 */
import { Mcr, Msr } from "./registers.js";

/** In loopback mode the four outputs of MCR are the four inputs. */
export function loopbackLevels(mcr: number): number {
  return (
    (mcr & Mcr.rts ? Msr.cts : 0) |
    (mcr & Mcr.dtr ? Msr.dsr : 0) |
    (mcr & Mcr.out1 ? Msr.ri : 0) |
    (mcr & Mcr.out2 ? Msr.dcd : 0)
  );
}

/** MSR after its inputs took `levels`: deltas gather until MSR is read. */
export function nextModemStatus(msr: number, levels: number): number {
  const changed = levels ^ (msr & Msr.levels);
  let deltas = msr & ~Msr.levels;
  if (changed & Msr.cts) deltas |= Msr.deltaCts;
  if (changed & Msr.dsr) deltas |= Msr.deltaDsr;
  // RI counts at its trailing edge only.
  if (changed & Msr.ri && !(levels & Msr.ri)) deltas |= Msr.trailingRi;
  if (changed & Msr.dcd) deltas |= Msr.deltaDcd;
  return levels | deltas;
}
