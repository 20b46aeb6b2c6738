/**
 * Walks of a guest's addresses, explained step by step, also while its hypervisor runs: then what the current VMCS says
 * takes the place of the registers. The walker is the machine's own (cpu/paging/explain.ts).
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

/** How an address of the guest of a VMCS is translated. */
export function explainGuestWalk(pc: Pc, vmcs: Vmcs, question: WalkQuestion): WalkExplanation {
  const { cpu, physical } = pc;
  if (cpu.vmx.nonRoot && cpu.vmx.current?.pointer === vmcs.pointer) return cpu.mmu.explainWalk(question);
  const controls = new GuestControls(vmcs);
  const state = guestState(pc, vmcs, controls);
  const { physicalBits } = cpu.features;
  const page1g = () => (cpu.cpuid(EXTENDED_FEATURES, 0).edx & PAGE1G) !== 0;
  const structures = new PhysicalStructures(cpu.state.memory, physical, NO_CODE);
  const translator = new LinearTranslator(state, structures, physicalBits, page1g);
  translator.modeChanged();
  const ept = controls.hasSecondary("enableEpt");
  loadPdptes(translator, state, vmcs, ept);
  if (ept) {
    const modeBasedExecute = controls.hasSecondary("modeBasedExecuteControl");
    translator.second = new Ept(structures, physicalBits, page1g, () => true);
    translator.second.use({ vpid: 0, modeBasedExecute }, vmcs.read(VmcsField.EPT_POINTER));
  }
  return new WalkExplainer(translator, physical, cpu.state.view).explain(question);
}
