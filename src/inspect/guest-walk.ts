/**
 * Walks of a guest's addresses, explained step by step, also while its hypervisor runs, and of a hypervisor's while its
 * guest does: then what the current VMCS says takes the place of the registers. The walker is the machine's own
 * (cpu/paging/explain.ts).
 */
import { Cr4, Efer } from "../cpu/control-bits.js";
import { CpuState } from "../cpu/cpu-state.js";
import { WalkExplainer, type WalkExplanation, type WalkQuestion } from "../cpu/paging/explain.js";
import { PhysicalStructures } from "../cpu/paging/structures.js";
import { LinearTranslator } from "../cpu/paging/translator.js";
import { GuestControls } from "../cpu/vmx/entry-controls.js";
import { Ept } from "../cpu/vmx/ept.js";
import { VmcsField } from "../cpu/vmx/fields.js";
import type { Vmcs } from "../cpu/vmx/vmcs.js";
import { STATE_SIZE } from "../isa/state.js";
import type { Pc } from "../machine/pc.js";

const EXTENDED_FEATURES = 0x8000_0001;
/** CPUID.80000001H:EDX, 1-GByte pages. */
const PAGE1G = 1 << 26;
const NO_CODE = { has: () => false, written: () => {} };

/** The control registers that the VMCS holds for its guest. */
function guestState(pc: Pc, vmcs: Vmcs, controls: GuestControls): CpuState {
  const state = new CpuState(new ArrayBuffer(STATE_SIZE), 0);
  state.cr0 = vmcs.low(VmcsField.GUEST_CR0);
  state.cr3 = vmcs.read(VmcsField.GUEST_CR3);
  state.cr4 = vmcs.low(VmcsField.GUEST_CR4);
  const mode = controls.hasEntry("ia32eModeGuest") ? Efer.LMA | Efer.LME : 0;
  state.efer = controls.hasEntry("loadEfer")
    ? vmcs.low(VmcsField.GUEST_EFER)
    : (pc.cpu.state.efer & ~(Efer.LMA | Efer.LME)) | mode;
  return state;
}

function loadPdptes(translator: LinearTranslator, state: CpuState, vmcs: Vmcs, ept: boolean): void {
  if ((state.cr4 & Cr4.PAE) === 0 || (state.efer & Efer.LMA) !== 0) return;
  if (!ept) {
    translator.loadPdptes(Number(state.cr3));
    return;
  }
  const halves = new Int32Array(8);
  for (let i = 0; i < 4; i++) {
    halves[i * 2] = vmcs.low(VmcsField.GUEST_PDPTE0 + i * 2);
    halves[i * 2 + 1] = vmcs.high(VmcsField.GUEST_PDPTE0 + i * 2);
  }
  translator.setPdptes(halves);
}

/** The control registers that the next VM exit loads (SDM vol. 3, 28.5.1). */
function hostState(pc: Pc, vmcs: Vmcs, controls: GuestControls): CpuState {
  const state = new CpuState(new ArrayBuffer(STATE_SIZE), 0);
  const long = controls.hasExit("hostAddressSpaceSize");
  const cr4 = vmcs.low(VmcsField.HOST_CR4);
  state.cr0 = vmcs.low(VmcsField.HOST_CR0);
  state.cr3 = vmcs.read(VmcsField.HOST_CR3);
  state.cr4 = long ? cr4 | Cr4.PAE : cr4 & ~Cr4.PCIDE;
  const kept = controls.hasExit("loadEfer") ? vmcs.low(VmcsField.HOST_EFER) : pc.cpu.state.efer;
  state.efer = (kept & ~(Efer.LMA | Efer.LME)) | (long ? Efer.LMA | Efer.LME : 0);
  return state;
}

/** A translator of its own, which changes nothing. */
function translatorOf({ cpu, physical }: Pc, state: CpuState) {
  const page1g = () => (cpu.cpuid(EXTENDED_FEATURES, 0).edx & PAGE1G) !== 0;
  const structures = new PhysicalStructures(cpu.state.memory, physical, NO_CODE);
  const translator = new LinearTranslator(state, structures, cpu.features.physicalBits, page1g);
  translator.modeChanged();
  return { translator, structures, page1g };
}

/** How a linear address is translated for the hypervisor, or for what runs where there is no guest. */
export function explainHostWalk(pc: Pc, question: WalkQuestion): WalkExplanation {
  const { cpu, physical } = pc;
  // Absent where the CPU has no VMX.
  const vmx: typeof cpu.vmx | undefined = cpu.vmx;
  if (!vmx?.nonRoot || vmx.current === undefined) return cpu.mmu.explainWalk(question);
  const state = hostState(pc, vmx.current, new GuestControls(vmx.current));
  const { translator } = translatorOf(pc, state);
  loadPdptes(translator, state, vmx.current, false);
  return new WalkExplainer(translator, physical, cpu.state.view).explain(question);
}

/** How an address of the guest of a VMCS is translated. */
export function explainGuestWalk(pc: Pc, vmcs: Vmcs, question: WalkQuestion): WalkExplanation {
  const { cpu, physical } = pc;
  if (cpu.vmx.nonRoot && cpu.vmx.current?.pointer === vmcs.pointer) return cpu.mmu.explainWalk(question);
  const controls = new GuestControls(vmcs);
  const state = guestState(pc, vmcs, controls);
  const { translator, structures, page1g } = translatorOf(pc, state);
  const ept = controls.hasSecondary("enableEpt");
  loadPdptes(translator, state, vmcs, ept);
  if (ept) {
    const modeBasedExecute = controls.hasSecondary("modeBasedExecuteControl");
    translator.second = new Ept(structures, cpu.features.physicalBits, page1g, () => true);
    translator.second.use({ vpid: 0, modeBasedExecute }, vmcs.read(VmcsField.EPT_POINTER));
  }
  return new WalkExplainer(translator, physical, cpu.state.view).explain(question);
}
