/** Fragments of programs that go where random bytes seldom get: system instructions with plausible and absurd operands. */
import type { CodeWriter } from "./code-writer.js";
import { At, Selector } from "./layout.js";
import { DEVICES, type Random } from "./random.js";

type Template = (w: CodeWriter, r: Random) => void;

const SELECTORS = Object.values(Selector);
const selector = (r: Random): number =>
  r.oneIn(4) ? r.u32() & 0xffff : r.pick(SELECTORS) | (r.oneIn(4) ? r.below(8) : 0);

/** MSRs that mean something, and their neighbours. */
const MSRS = [
  0x10, 0x1b, 0x3a, 0x3b, 0x48, 0x79, 0x8b, 0xc1, 0xfe, 0x174, 0x175, 0x176, 0x179, 0x17a, 0x186, 0x1a0,
  0x1d9, 0x200, 0x201, 0x20f, 0x250, 0x26f, 0x277, 0x2ff, 0x38f, 0x400, 0x480, 0x491, 0x6e0, 0x800, 0x80b,
  0x80f, 0x830, 0x832, 0x838, 0x83f, 0xda0, 0xc0000080, 0xc0000081, 0xc0000082, 0xc0000084, 0xc0000100,
  0xc0000101, 0xc0000102, 0xc0000103, 0xc0010015, 0xc0010114, 0xc0010117, 0x40000000, 0x4b564d00,
] as const;

/** Ports with a device behind them. */
const PORTS = [
  0x20, 0x21, 0x40, 0x41, 0x42, 0x43, 0x60, 0x61, 0x64, 0x70, 0x71, 0x80, 0x92, 0xa0, 0xa1, 0xe9, 0xb2, 0xb3,
  0x3f8, 0x3f9, 0x3fa, 0x3fb, 0x3fc, 0x402, 0x4d0, 0x4d1, 0x501, 0x510, 0x511, 0x514, 0x600, 0x604, 0x608,
  0xcf8, 0xcf9, 0xcfc, 0xcfd, 0xcfe,
] as const;
const port = (r: Random): number => (r.oneIn(3) ? r.u32() & 0xffff : r.pick(PORTS));

const CR0 = [
  0x11, 0x10, 0x80000011, 0x80000001, 0x60000011, 0x20000011, 0x80000000, 0x1001b, 0x8005003b, 0, 0x8001003f,
] as const;
const CR4 = [
  0, 0x20, 0x10, 0x6a0, 0x620, 0x6f0, 0x406a0, 0x2020, 0x10, 0x200000, 0x300020, 0x20020, 0x10000, 0x1000,
  0x81,
] as const;
const CR3 = [
  At.pml4,
  At.directory32,
  At.paePointers,
  At.pml4 | 0x18,
  At.tables,
  0x400000,
  0xfee00000,
  0xb0000000,
  0xa0000,
] as const;

const movToCr = (w: CodeWriter, cr: number): void => {
  if (cr === 8) w.emit(w.codeSize === 64 ? 0x44 : 0xf0);
  w.emit(0x0f, 0x22, 0xc0 | ((cr & 7) << 3));
};

const controlRegister: Template = (w, r) => {
  const cr = r.pick([0, 0, 0, 3, 3, 4, 4, 2, 8, 1, 5]);
  const known = cr === 0 ? CR0 : cr === 4 ? CR4 : cr === 3 ? CR3 : [0, 15];
  if (r.oneIn(5)) w.loadWide(0, r.wide());
  else w.load(0, r.oneIn(3) ? r.pick(known) ^ (1 << r.below(24)) : r.pick(known));
  movToCr(w, cr);
  if (r.oneIn(4)) w.emit(0x0f, 0x20, 0xc0 | (cr << 3));
};

const flipControlRegister: Template = (w, r) => {
  const cr = r.pick([0, 4]);
  w.emit(0x0f, 0x20, 0xc0 | (cr << 3));
  // xor eax, imm32
  if (w.codeSize === 16) w.emit(0x66);
  w.emit(0x35);
  w.number(1 << r.below(cr === 0 ? 32 : 23), 4);
  movToCr(w, cr);
};

const debugRegister: Template = (w, r) => {
  const dr = r.below(8);
  if (dr === 7 && !r.oneIn(4)) w.load(0, (r.u32() & 0xffff00ff) | 0x400);
  else w.load(0, r.oneIn(2) ? w.origin + r.below(0x100) : r.value());
  w.emit(0x0f, r.oneIn(4) ? 0x21 : 0x23, 0xc0 | (dr << 3));
};

const tableRegister: Template = (w, r) => {
  const at = At.data + r.below(0x800);
  w.store(at, (r.below(0x1000) | (r.value() << 16)) >>> 0);
  w.store(at + 4, r.value());
  w.absolute([0x0f, 0x01], r.oneIn(2) ? 2 + r.below(2) : r.below(8), at);
};

const systemSegment: Template = (w, r) => {
  w.load(0, selector(r));
  w.emit(0x0f, 0x00, 0xc0 | (r.below(8) << 3));
};

const segmentLoad: Template = (w, r) => {
  w.load(0, selector(r));
  w.emit(0x8e, 0xc0 | (r.below(8) << 3));
};

const changeDescriptor: Template = (w, r) => {
  const at = At.gdt + r.below(48) * 8;
  if (r.oneIn(2)) w.store(at, r.u32());
  w.store(at + 4, r.u32());
};

const changeGate: Template = (w, r) => {
  const at = At.idt + r.below(64) * 8;
  w.store(at, (selector(r) << 16) | r.pick([At.handlers, At.code, r.value() & 0xffff]));
  w.store(at + 4, r.oneIn(2) ? r.pick([0x8e00, 0xee00, 0xef00, 0xe500, 0x8600, 0x8f00]) >>> 0 : r.u32());
};

const machineSpecific: Template = (w, r) => {
  w.load(1, r.oneIn(4) ? r.u32() : r.pick(MSRS) + (r.oneIn(4) ? r.below(16) : 0));
  w.load(0, r.value());
  w.load(2, r.oneIn(2) ? 0 : r.value());
  w.emit(0x0f, r.oneIn(4) ? 0x32 : 0x30);
};

const farTransfer: Template = (w, r) => {
  const target = r.oneIn(3) ? r.value() : r.pick([w.origin + r.below(256), At.handlers]);
  if (w.codeSize === 64 || r.oneIn(3)) {
    const at = At.data + r.below(0x400);
    w.store(at, target);
    w.store(at + 4, selector(r));
    w.absolute([0xff], r.oneIn(2) ? 5 : 3, at);
  } else {
    w.emit(r.oneIn(2) ? 0xea : 0x9a);
    w.number(target, w.codeSize === 16 ? 2 : 4);
    w.number(selector(r), 2);
  }
};

const farReturn: Template = (w, r) => {
  const pushes = 2 + r.below(8);
  for (let i = 0; i < pushes; i++) {
    w.push(
      r.pick([selector(r), r.value(), w.origin + r.below(64), At.stack, 0x202, 0x20202, 0x3302, 0x4002]),
    );
  }
  if (r.oneIn(4)) w.emit(0x66);
  if (w.codeSize === 64 && r.oneIn(2)) w.emit(0x48);
  w.emit(r.pick([0xcf, 0xcf, 0xcf, 0xcb]));
};

const softwareInterrupt: Template = (w, r) => {
  const kind = r.below(5);
  if (kind < 2) w.emit(0xcd, r.u32() & 0xff);
  else w.emit([0xcc, 0xf1, 0xce][kind - 2]!);
};

const popFlags: Template = (w, r) => {
  w.push(r.oneIn(2) ? r.u32() : 0x102 | (r.u32() & 0x7e00));
  if (w.codeSize === 16) w.emit(0x66);
  w.emit(0x9d);
};

const portAccess: Template = (w, r) => {
  w.load(2, port(r));
  w.load(0, r.value());
  if (r.oneIn(3)) w.emit(0x66);
  w.emit(r.pick([0xec, 0xed, 0xee, 0xee, 0xee, 0xef]));
};

const portString: Template = (w, r) => {
  w.load(2, port(r));
  w.load(1, r.value());
  w.load(r.oneIn(2) ? 6 : 7, r.value());
  w.emit(r.pick([0xf2, 0xf3, 0xf3, 0xf3]), r.pick([0x6c, 0x6d, 0x6e, 0x6f]));
};

const programTimer: Template = (w, r) => {
  const tiny = r.below(4);
  switch (r.below(5)) {
    case 0:
      w.out(0x43, r.pick([0x34, 0x36, 0x30, 0x38, 0x14, 0x16, 0x54, 0x94]), 1);
      w.out(0x40, tiny, 1);
      w.out(0x40, 0, 1);
      break;
    case 1:
      w.store(0xfed00100, r.pick([0x4c, 0x4e, 0x7c, 0x34c, r.u32()]));
      w.store(0xfed00108, tiny);
      w.store(0xfed00108, tiny);
      w.store(0xfed00010, r.pick([1, 3]));
      break;
    case 2:
      w.store(0xfee000f0, 0x1ff);
      w.store(0xfee003e0, r.pick([0xb, 0, 3]));
      w.store(0xfee00320, r.pick([0x20030, 0x30, 0x40030, 0x20000, r.u32()]));
      w.store(0xfee00380, tiny);
      break;
    case 3:
      w.out(0x70, 0x0a, 1);
      w.out(0x71, 0x20 | r.below(16), 1);
      w.out(0x70, 0x0b, 1);
      w.out(0x71, 0x42 | (r.u32() & 0x70), 1);
      break;
    default:
      w.load(1, 0x6e0);
      w.load(0, r.value());
      w.load(2, 0);
      w.emit(0x0f, 0x30);
  }
  if (r.oneIn(2)) w.emit(0xfb);
};

const programPic: Template = (w, r) => {
  for (let i = r.below(6); i >= 0; i--)
    w.out(r.pick([0x20, 0x21, 0xa0, 0xa1, 0x4d0, 0x4d1]), r.u32() & 0xff, 1);
};

const localApic: Template = (w, r) => {
  w.store(
    0xfee00000 + r.below(0x40) * 16,
    r.oneIn(2) ? r.u32() : r.pick([0x1ff, 0x4ff, 0x44000, 0x4031, 0x500, 0x600, 0]),
  );
  if (r.oneIn(2)) w.absolute([0x8b], r.below(4), 0xfee00000 + r.below(0x400));
};

const deviceAccess: Template = (w, r) => {
  const address = (r.pick(DEVICES) + r.below(0x1000)) >>> 0;
  if (w.codeSize === 64) w.load(7, address);
  const opcode = r.pick([0x89, 0x8b, 0x01, 0x87, 0x31, 0x86, 0x11, 0xff, 0xf7, 0x8f, 0xdd, 0xd9]);
  if (r.oneIn(4)) w.emit(r.pick([0xf0, 0x66, 0x48]));
  if (w.codeSize === 64) w.emit(opcode, 0x07 | (r.below(8) << 3));
  else w.absolute([opcode], r.below(8), address);
};

const vectorOnDevice: Template = (w, r) => {
  const address = (r.pick(DEVICES) + r.below(0x1000)) >>> 0;
  if (w.codeSize === 64) w.load(7, address);
  const opcode = [
    r.pick([0x66, 0xf3, 0xf2, 0x90]),
    0x0f,
    r.pick([0x10, 0x11, 0x28, 0x29, 0x6f, 0x7f, 0xae, 0xc7, 0x58, 0xe7]),
  ];
  if (w.codeSize === 64) w.emit(...opcode, 0x07 | (r.below(8) << 3));
  else w.absolute(opcode, r.below(8), address);
};

const repeatedString: Template = (w, r) => {
  if (w.codeSize === 64 && r.oneIn(2)) w.loadWide(1, r.oneIn(2) ? 0xffff_ffff_ffff_ffffn : r.wide());
  else w.load(1, r.oneIn(2) ? 0xffffffff : r.value());
  w.loadWide(6, r.wide());
  w.loadWide(7, r.oneIn(3) ? BigInt(r.pick(DEVICES)) : r.wide());
  if (r.oneIn(3)) w.emit(r.pick([0xfc, 0xfd]));
  w.emit(r.pick([0xf2, 0xf3, 0xf3]));
  if (r.oneIn(5)) w.emit(0x67);
  w.emit(r.pick([0xa4, 0xa5, 0xa6, 0xa7, 0xaa, 0xab, 0xac, 0xad, 0xae, 0xaf]));
};

const selfModify: Template = (w, r) => {
  const target = w.origin + Math.max(0, w.length + r.below(64) - 24);
  switch (r.below(3)) {
    case 0:
      w.absolute([0xc6], 0, target);
      w.emit(r.u32() & 0xff);
      break;
    case 1:
      w.store(target, r.u32());
      break;
    default:
      w.load(7, target);
      w.load(1, r.below(32));
      w.emit(0xf3, 0xaa);
  }
};

const changePageTable: Template = (w, r) => {
  const table = r.pick([
    At.tables,
    At.tables,
    At.directory,
    At.directory32,
    At.table32,
    At.pml4,
    At.pdpt,
    At.paePointers,
  ]);
  const at = table + r.below(table === At.tables ? 32 : 8) * 8;
  w.store(at, r.oneIn(2) ? r.u32() : (r.below(0x40) << 12) | r.below(256));
  if (r.oneIn(3)) w.store(at + 4, r.oneIn(2) ? r.u32() : 0x80000000);
  const afterwards = r.below(4);
  if (afterwards < 2) w.absolute([0x0f, 0x01], 7, (at & 0xff8) << 9);
  else if (afterwards === 2) w.emit(0x0f, 0x20, 0xd8, 0x0f, 0x22, 0xd8);
};

/** Instructions that need no operands, or get what the registers hold. */
const PLAIN: readonly (readonly number[])[] = [
  [0x0f, 0xaa], // rsm
  [0x0f, 0x05],
  [0x0f, 0x07],
  [0x48, 0x0f, 0x07],
  [0x0f, 0x34],
  [0x0f, 0x35],
  [0x48, 0x0f, 0x35],
  [0x0f, 0x01, 0xf8], // swapgs
  [0x0f, 0x01, 0xf9],
  [0x0f, 0x01, 0xc1], // vmcall … vmxoff
  [0x0f, 0x01, 0xc2],
  [0x0f, 0x01, 0xc3],
  [0x0f, 0x01, 0xc4],
  [0x0f, 0x01, 0xd4],
  [0x0f, 0x01, 0xd8], // vmrun … invlpga
  [0x0f, 0x01, 0xd9],
  [0x0f, 0x01, 0xda],
  [0x0f, 0x01, 0xdb],
  [0x0f, 0x01, 0xdc],
  [0x0f, 0x01, 0xdd],
  [0x0f, 0x01, 0xc8], // monitor, mwait
  [0x0f, 0x01, 0xc9],
  [0x0f, 0x01, 0xd0], // xgetbv, xsetbv
  [0x0f, 0x01, 0xd1],
  [0x0f, 0x01, 0xca], // clac, stac
  [0x0f, 0x01, 0xcb],
  [0x0f, 0x01, 0xee],
  [0x0f, 0x01, 0xef],
  [0xf4],
  [0xfb],
  [0xfa],
  [0xfb, 0xf4],
  [0x0f, 0x06],
  [0x0f, 0x08],
  [0x0f, 0x09],
  [0x0f, 0x0b],
  [0x0f, 0x33],
  [0x0f, 0x31],
  [0x0f, 0xa2],
  [0x0f, 0x77],
  [0xdb, 0xe3],
  [0x9b],
  [0xc8, 0x10, 0x00, 0x1f], // enter
  [0xc9],
  [0x60],
  [0x61],
  [0x17], // pop ss
  [0x0f, 0xa1],
  [0xeb, 0xfe], // jmp $
];

const plain: Template = (w, r) => {
  if (r.oneIn(4)) w.load(1, r.value());
  if (r.oneIn(4)) w.load(0, r.value());
  w.emit(...r.pick(PLAIN));
};

const saveArea: Template = (w, r) => {
  w.load(0, r.oneIn(4) ? r.value() : 7);
  w.load(2, 0);
  const at = At.data + r.below(32) * 64;
  if (r.oneIn(2)) w.store(at + 512 + r.below(6) * 4, r.oneIn(2) ? r.below(8) : r.u32());
  if (r.oneIn(8)) w.store(at + 24, r.u32());
  w.absolute(r.oneIn(4) ? [0x0f, 0xc7] : [0x0f, 0xae], r.below(8), at);
};

const jumpAnywhere: Template = (w, r) => {
  if (r.oneIn(2)) w.loadWide(0, r.wide());
  else
    w.load(
      0,
      r.pick([r.pick(DEVICES), r.below(0x20) * 0x1000 + 0xff8 + r.below(8), At.code + r.below(64), 0x3ffffe]),
    );
  // jmp/call near indirect
  if (w.codeSize === 16 && r.oneIn(2)) w.emit(0x66);
  w.emit(0xff, r.pick([0xe0, 0xd0]));
};

const moveStack: Template = (w, r) => {
  if (r.oneIn(2)) w.loadWide(4, r.wide());
  else w.load(4, r.pick([r.pick(DEVICES), 0x1002, 4, 1, 0x10000, At.gdt + 0x40, w.origin + 64]));
  w.emit(r.pick([0x50, 0x58, 0xc3, 0x9c, 0xe8, 0xc9]));
};

export const templates: readonly Template[] = [
  controlRegister,
  controlRegister,
  flipControlRegister,
  debugRegister,
  tableRegister,
  systemSegment,
  segmentLoad,
  segmentLoad,
  changeDescriptor,
  changeGate,
  machineSpecific,
  machineSpecific,
  farTransfer,
  farTransfer,
  farReturn,
  softwareInterrupt,
  popFlags,
  portAccess,
  portString,
  programTimer,
  programPic,
  localApic,
  deviceAccess,
  vectorOnDevice,
  repeatedString,
  selfModify,
  changePageTable,
  plain,
  plain,
  saveArea,
  jumpAnywhere,
  moveStack,
];
