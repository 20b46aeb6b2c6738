/**
 * The mainboard: a Q35-style chipset with its legacy devices, wired together. Firmware is not run, so ports
 * and registers come up as firmware leaves them.
 */
import { AcpiPm, Pm1 } from "../chipset/acpi-pm.js";
import { DebugConsole, DebugExit, PostCode } from "../chipset/debug-ports.js";
import { HPET_BASE, HPET_SIZE, Hpet } from "../chipset/hpet.js";
import { I8042 } from "../chipset/i8042.js";
import { IOAPIC_BASE, IOAPIC_SIZE, IoApic } from "../chipset/ioapic.js";
import { IrqRouter } from "../chipset/irq-router.js";
import { PcTestdev } from "../chipset/pc-testdev.js";
import { PirqRouter } from "../chipset/pci/pirq.js";
import { HOST_BRIDGE_DEVICE, HostBridge, LPC_DEVICE, LpcBridge } from "../chipset/pci/q35.js";
import { ECAM_BASE, ECAM_SIZE, PciRoot } from "../chipset/pci/root.js";
import { PicPair } from "../chipset/pic8259.js";
import { Pit8254 } from "../chipset/pit8254.js";
import { ResetControl } from "../chipset/reset.js";
import { Rtc } from "../chipset/rtc.js";
import type { InterruptBus } from "../cpu/interrupt-bus.js";
import { COM_PORTS } from "../devices/uart16550/registers.js";
import { Uart16550 } from "../devices/uart16550/uart16550.js";
import type { PhysicalMap } from "../memory/physical.js";
import type { PortSpace } from "../memory/ports.js";
import type { Timeline } from "../time/timeline.js";

export interface BoardEvents {
  powerOff(): void;
  reset(): void;
  /** isa-debug-exit: the value that was written. */
  debugExit(code: number): void;
  /** A byte on the debug console (ports 402h and E9h). */
  debugByte(byte: number): void;
  serial(byte: number): void;
  /** The INTR output of the interrupt controller pair changed. */
  intr(level: boolean): void;
}

export interface BoardOptions {
  readonly timeline: Timeline;
  readonly ports: PortSpace;
  readonly physical: PhysicalMap;
  readonly bus: InterruptBus;
  readonly startTime: number;
  readonly ram: { readonly low: number; readonly high: number };
  readonly testDevices: boolean;
  readonly events: BoardEvents;
}

export class Board {
  readonly pic = new PicPair();
  readonly ioapic: IoApic;
  readonly router: IrqRouter;
  readonly pit: Pit8254;
  readonly rtc: Rtc;
  readonly hpet: Hpet;
  readonly pm: AcpiPm;
  readonly pci = new PciRoot();
  readonly com1: Uart16550;

  constructor(options: BoardOptions) {
    const { timeline, ports, physical, bus, events } = options;
    this.ioapic = new IoApic(bus);
    physical.addMmio(IOAPIC_BASE, IOAPIC_SIZE, this.ioapic);
    this.router = new IrqRouter(this.pic, this.ioapic);
    this.pic.attach(ports);
    this.pic.onOutput = (level) => events.intr(level);

    const wakeOnAlarm = this.router.line(8);
    this.hpet = new Hpet(timeline, {
      irq0: this.router.line(0),
      irq8: (level) => {
        wakeOnAlarm(level);
        if (level) this.pm.raise(Pm1.rtc);
      },
      pin: (pin) => this.router.pin(pin),
    });
    physical.addMmio(HPET_BASE, HPET_SIZE, this.hpet);
    this.pm = new AcpiPm(timeline, this.router.line(9));
    this.pm.onPowerOff = () => events.powerOff();
    this.pm.attach(ports);
    this.pit = new Pit8254(timeline, this.hpet.legacyLine(0));
    this.pit.attach(ports);
    this.rtc = new Rtc(timeline, this.hpet.legacyLine(8), options.startTime);
    this.rtc.attach(ports);
    this.describeMemory(options.ram);

    this.pci.attach(ports);
    physical.addMmio(ECAM_BASE, ECAM_SIZE, this.pci);
    const pirqs = new PirqRouter(this.router);
    this.pci.add(HOST_BRIDGE_DEVICE, 0, new HostBridge());
    this.pci.add(LPC_DEVICE, 0, new LpcBridge(pirqs, { onPmBase: (base) => this.pm.relocate(base) }));

    const reset = new ResetControl();
    reset.onReset = () => events.reset();
    reset.attach(ports);
    const keyboard = new I8042({
      irq1: this.router.line(1),
      a20: (enabled) => reset.setKeyboardA20(enabled),
      reset: () => reset.pulseCpuReset(),
    });
    keyboard.attach(ports);

    new DebugConsole((byte) => events.debugByte(byte)).attach(ports);
    new PostCode().attach(ports);
    new DebugExit((code) => events.debugExit(code)).attach(ports);
    if (options.testDevices) new PcTestdev((pin) => this.router.pin(pin)).attach(ports, physical);

    const [com1] = COM_PORTS;
    this.com1 = new Uart16550(timeline, this.router.line(com1.irq), com1.base);
    this.com1.onOutput = (byte) => events.serial(byte);
    this.com1.attach(ports);
    this.pit.reset();
  }

  /** The memory sizes that firmware leaves in CMOS (as QEMU and SeaBIOS: 15h-18h, 30h, 31h, 34h, 35h, 5Bh-5Dh). */
  private describeMemory({ low, high }: { low: number; high: number }): void {
    const { rtc } = this;
    const word = (index: number, value: number) => {
      rtc.setByte(index, value & 0xff);
      rtc.setByte(index + 1, (value >> 8) & 0xff);
    };
    const extendedKib = Math.min((low - 0x100000) / 1024, 0xfc00);
    word(0x15, 640);
    word(0x17, extendedKib);
    word(0x30, extendedKib);
    word(0x34, Math.max(0, Math.min((low - 0x1000000) / 0x10000, 0xffff)));
    const above = high / 0x10000;
    rtc.setByte(0x5b, above & 0xff);
    rtc.setByte(0x5c, (above >> 8) & 0xff);
    rtc.setByte(0x5d, (above >> 16) & 0xff);
  }
}
