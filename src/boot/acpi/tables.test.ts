import assert from "node:assert/strict";
import { test } from "node:test";
import { LAST_BUS } from "../layout.js";
import { ArrayMemory, MIB } from "../memory.test.helper.js";
import { type AcpiConfig, defaultAcpiConfig } from "./config.js";
import { sdt } from "./sdt.js";
import { writeAcpiTables } from "./tables.js";

const sum = (bytes: Uint8Array): number => bytes.reduce((total, byte) => (total + byte) & 0xff, 0);

/** Follows the pointers as a guest does and returns the tables by signature. */
function find(memory: ArrayMemory, rsdp: number): Map<string, number> {
  const tables = new Map<string, number>();
  const signature = (at: number): string => new TextDecoder().decode(memory.read(at, 4));
  const xsdt = memory.u64(rsdp + 24);
  const rsdt = memory.u32(rsdp + 16);
  const count = (memory.u32(xsdt + 4) - 36) / 8;
  assert.equal((memory.u32(rsdt + 4) - 36) / 4, count);
  for (let i = 0; i < count; i++) {
    const at = memory.u64(xsdt + 36 + 8 * i);
    assert.equal(memory.u32(rsdt + 36 + 4 * i), at);
    tables.set(signature(at), at);
  }
  tables.set("RSDT", rsdt).set("XSDT", xsdt);
  tables.set("DSDT", memory.u32((tables.get("FACP") ?? 0) + 40));
  return tables;
}

function build(change: Partial<AcpiConfig> = {}): {
  memory: ArrayMemory;
  rsdp: number;
  tables: Map<string, number>;
} {
  const memory = new ArrayMemory(2 * MIB);
  const rsdp = writeAcpiTables(memory, { ...defaultAcpiConfig(0x20000000, 0, 2), ...change });
  return { memory, rsdp, tables: find(memory, rsdp) };
}

test("the RSDP lies where guests search and both its checksums are right", () => {
  const { memory, rsdp } = build();
  assert.ok(rsdp >= 0xe0000 && rsdp < 0x100000 && rsdp % 16 === 0);
  assert.equal(new TextDecoder().decode(memory.read(rsdp, 8)), "RSD PTR ");
  assert.equal(sum(memory.read(rsdp, 20)), 0);
  assert.equal(sum(memory.read(rsdp, 36)), 0);
});

test("every table has a right length and checksum, and none overlap", () => {
  const { memory, tables } = build();
  assert.deepEqual([...tables.keys()].sort(), ["APIC", "DSDT", "FACP", "HPET", "MCFG", "RSDT", "XSDT"]);
  const ranges: [number, number][] = [];
  for (const at of tables.values()) {
    const length = memory.u32(at + 4);
    assert.equal(sum(memory.read(at, length)), 0);
    ranges.push([at, at + length]);
  }
  ranges.sort(([a], [b]) => a - b);
  for (const [i, [start]] of ranges.entries()) assert.ok(i === 0 || start >= (ranges[i - 1]?.[1] ?? 0));
});

test("the host bridge and the MCFG tell of the same buses", () => {
  const { memory, tables } = build();
  const mcfg = tables.get("MCFG") ?? 0;
  assert.equal(memory.u32(mcfg + 4), 60);
  assert.equal(memory.u64(mcfg + 44), 0xb0000000);
  assert.deepEqual([...memory.read(mcfg + 52, 4)], [0, 0, 0, LAST_BUS], "segment, first and last bus");
  const dsdt = tables.get("DSDT") ?? 0;
  const code = Buffer.from(memory.read(dsdt, memory.u32(dsdt + 4)));
  // A word address space descriptor of bus numbers (ACPI 6.5, 6.4.3.5.3).
  const descriptor = code.indexOf(Buffer.from([0x88, 0x0d, 0x00, 0x02]));
  assert.ok(descriptor > 0);
  const words = [8, 10, 14].map((offset) => code.readUInt16LE(descriptor + offset));
  assert.deepEqual(words, [0, LAST_BUS, LAST_BUS + 1], "first, last, how many");
});

test("the FADT names the registers of the ICH9", () => {
  const { memory, tables } = build();
  const fadt = tables.get("FACP") ?? 0;
  assert.equal(memory.u32(fadt + 4), 268);
  assert.equal(memory.u8(fadt + 8), 5);
  const facs = memory.u32(fadt + 36);
  assert.equal(facs % 64, 0);
  assert.equal(new TextDecoder().decode(memory.read(facs, 4)), "FACS");
  assert.equal(memory.u16(fadt + 46), 9);
  assert.deepEqual([memory.u32(fadt + 48), memory.u8(fadt + 52), memory.u8(fadt + 53)], [0xb2, 2, 3]);
  assert.deepEqual(
    [56, 64, 76, 80].map((at) => memory.u32(fadt + at)),
    [0x600, 0x604, 0x608, 0x620],
  );
  assert.equal(memory.u8(fadt + 108), 0x32);
  assert.equal(memory.u16(fadt + 109), 0x3);
  assert.equal(memory.u32(fadt + 112) & (1 << 8), 0, "the PM timer has 24 bits");
  assert.deepEqual([...memory.read(fadt + 116, 4)], [1, 8, 0, 1]);
  assert.deepEqual([memory.u64(fadt + 120), memory.u8(fadt + 128)], [0xcf9, 0x0f]);
  assert.equal(memory.u64(fadt + 140), memory.u32(fadt + 40));
  assert.deepEqual([memory.u64(fadt + 152), memory.u64(fadt + 212)], [0x600, 0x608]);
});

test("the MADT lists processors, I/O APIC, overrides and NMI, byte by byte", () => {
  const { memory, tables } = build();
  const madt = tables.get("APIC") ?? 0;
  const body = Buffer.from(memory.read(madt + 36, memory.u32(madt + 4) - 36)).toString("hex");
  assert.equal(
    body,
    "0000e0fe01000000" +
      "0008000001000000" +
      "0008010101000000" +
      "010c00000000c0fe00000000" +
      "020a0000020000000000" +
      "020a0005050000000d00" +
      "020a0009090000000d00" +
      "020a000a0a0000000d00" +
      "020a000b0b0000000d00" +
      "0406ff000001",
  );
});

test("APIC ids above 254 use the x2APIC structures", () => {
  const { memory, tables } = build({ apicIds: [0, 300] });
  const madt = tables.get("APIC") ?? 0;
  assert.equal(
    Buffer.from(memory.read(madt + 52, 16)).toString("hex"),
    "0910" + "0000" + "2c010000" + "01000000" + "01000000",
  );
});

test("HPET is left out where there is none, other tables are taken in", () => {
  const { tables } = build({ hpet: false, extraTables: [sdt("DMAR", 1, new Uint8Array(12))] });
  assert.ok(!tables.has("HPET"));
  assert.ok(tables.has("DMAR"));
});

test("the DSDT has the power-off package and the serial port", () => {
  const { memory, tables } = build();
  const dsdt = tables.get("DSDT") ?? 0;
  const bytes = Buffer.from(memory.read(dsdt, memory.u32(dsdt + 4)));
  assert.ok(bytes.includes(Buffer.from("085f53355f12060400000000", "hex")));
  // COM1: _HID PNP0501, _UID 1, _CRS with ports 3F8h to 3FFh and IRQ 4.
  assert.ok(
    bytes.includes(
      Buffer.from(
        "434f4d31085f4849440c41d00501085f55494401085f43525311100a0d4701f803f80301082210007900",
        "hex",
      ),
    ),
  );
});
