/** Basic exit reasons (SDM vol. 3, appendix C), under the manual's names. */
export const ExitReason = {
  exceptionOrNmi: 0,
  externalInterrupt: 1,
  tripleFault: 2,
  initSignal: 3,
  startupIpi: 4,
  interruptWindow: 7,
  nmiWindow: 8,
  taskSwitch: 9,
  cpuid: 10,
  getsec: 11,
  hlt: 12,
  invd: 13,
  invlpg: 14,
  rdpmc: 15,
  rdtsc: 16,
  rsm: 17,
  vmcall: 18,
  vmclear: 19,
  vmlaunch: 20,
  vmptrld: 21,
  vmptrst: 22,
  vmread: 23,
  vmresume: 24,
  vmwrite: 25,
  vmxoff: 26,
  vmxon: 27,
  controlRegisterAccess: 28,
  movDr: 29,
  ioInstruction: 30,
  rdmsr: 31,
  wrmsr: 32,
  entryFailureGuestState: 33,
  entryFailureMsrLoading: 34,
  mwait: 36,
  monitorTrapFlag: 37,
  monitor: 39,
  pause: 40,
  entryFailureMachineCheck: 41,
  tprBelowThreshold: 43,
  apicAccess: 44,
  virtualizedEoi: 45,
  gdtrOrIdtrAccess: 46,
  ldtrOrTrAccess: 47,
  eptViolation: 48,
  eptMisconfiguration: 49,
  invept: 50,
  rdtscp: 51,
  preemptionTimerExpired: 52,
  invvpid: 53,
  wbinvd: 54,
  xsetbv: 55,
  apicWrite: 56,
  rdrand: 57,
  invpcid: 58,
  vmfunc: 59,
  rdseed: 61,
  pageModificationLogFull: 62,
  xsaves: 63,
  xrstors: 64,
  sppRelatedEvent: 66,
} as const;

/** Bit 31 of the exit reason: the VM entry failed. */
export const ENTRY_FAILURE = 0x8000_0000n;

/** Some of the exit reasons. */
class Reasons {
  private readonly members = new Uint8Array(128);

  constructor(reasons: readonly number[]) {
    for (const reason of reasons) this.members[reason] = 1;
  }

  has(reason: number): boolean {
    return this.members[reason] === 1;
  }
}

/**
 * VM exits that come between two instructions (or when one was complete): the saved RFLAGS is that of the registers
 * (SDM vol. 3, 28.3.3).
 */
export const BETWEEN_INSTRUCTIONS = new Reasons([
  ExitReason.externalInterrupt,
  ExitReason.tripleFault,
  ExitReason.initSignal,
  ExitReason.startupIpi,
  ExitReason.interruptWindow,
  ExitReason.nmiWindow,
  ExitReason.monitorTrapFlag,
  ExitReason.tprBelowThreshold,
  ExitReason.virtualizedEoi,
  ExitReason.preemptionTimerExpired,
  ExitReason.apicWrite,
]);

/** VM exits of accesses to memory, which are repeated afterwards: RF is saved as 1 (SDM vol. 3, 28.3.3). */
export const MEMORY_ACCESS = new Reasons([
  ExitReason.apicAccess,
  ExitReason.eptViolation,
  ExitReason.eptMisconfiguration,
  ExitReason.pageModificationLogFull,
  ExitReason.sppRelatedEvent,
]);

/** VM exits that keep debug traps which wait in the guest-state area (SDM vol. 3, 28.3.4). */
export const KEEPS_DEBUG_EXCEPTIONS = new Reasons([
  ExitReason.initSignal,
  ExitReason.monitorTrapFlag,
  ExitReason.tprBelowThreshold,
  ExitReason.virtualizedEoi,
  ExitReason.apicWrite,
]);
