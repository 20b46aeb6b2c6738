import assert from "node:assert/strict";
import { test } from "node:test";
import {
  arg,
  buffer,
  byteField,
  createDwordField,
  device,
  eisaId,
  equal,
  integer,
  method,
  name,
  pack,
  path,
  returns,
  scope,
  store,
  string,
  uuid,
  when,
} from "./aml.js";
import { extendedInterrupt, io, irq, memory32Fixed, memoryWindow64, resourceTemplate } from "./resources.js";

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

test("names are padded to four characters and prefixed by their number", () => {
  assert.equal(hex(path("_HID")), hex(Buffer.from("_HID")));
  assert.equal(hex(path("\\_SB")), hex(Buffer.from("\\_SB_")));
  assert.equal(hex(path("\\_SB.PCI0")), `5c2e${hex(Buffer.from("_SB_PCI0"))}`);
  assert.equal(hex(path("^A.B.C")), `5e2f03${hex(Buffer.from("A___B___C___"))}`);
  assert.equal(hex(path("\\")), "5c00");
  assert.throws(() => path("toolong"), RangeError);
});

test("integers take their shortest form", () => {
  const forms: [number | bigint, string][] = [
    [0, "00"],
    [1, "01"],
    [2, "0a02"],
    [0x1234, "0b3412"],
    [0x12345678, "0c78563412"],
    [0xffffffff, "0cffffffff"],
    [0x123456789abcdef0n, "0ef0debc9a78563412"],
  ];
  for (const [value, expected] of forms) assert.equal(hex(integer(value)), expected);
  assert.throws(() => integer(-1), RangeError);
});

test("lengths count themselves, in one to four bytes", () => {
  assert.equal(hex(buffer(new Uint8Array(2))), "11050a020000");
  assert.equal(hex(buffer(new Uint8Array(60)).subarray(0, 3)), "113f0a");
  // 61 bytes of content need a second byte of length: 1 opcode, 2 length, 2 size, 61 data.
  assert.equal(hex(buffer(new Uint8Array(61)).subarray(0, 4)), "1141040a");
  const large = buffer(new Uint8Array(5000));
  assert.equal(hex(large.subarray(0, 4)), "118e3801");
  assert.equal(large.length, 1 + 0x138e);
});

test("objects and statements assemble to the bytes of the specification", () => {
  assert.equal(hex(eisaId("PNP0A08")), "0c41d00a08");
  assert.equal(hex(string("ab")), "0d616200");
  assert.equal(hex(name("X", pack(integer(0), integer(5)))), "08585f5f5f120502000a05");
  assert.equal(hex(method("_PIC", 1, store(arg(0), path("PICF")))), "140c5f50494309706850494346");
  assert.equal(hex(when(equal(arg(0), integer(1)), returns(integer(0)))), "a006936801a400");
  assert.equal(hex(createDwordField(arg(0), 5, "IRQS")), "8a680a0549525153");
  assert.equal(
    hex(scope("\\", device("D", name("_UID", integer(1))))),
    "1010" + "5c00" + "5b820b445f5f5f085f55494401",
  );
  assert.equal(
    hex(
      byteField("R", [
        ["A", 8],
        ["", 80],
      ]),
    ),
    "5b810e" + "525f5f5f" + "01" + "415f5f5f08" + "004005",
  );
  assert.equal(
    hex(uuid("33DB4D5B-1FF7-401C-9657-7441C03DD766")),
    "11130a10" + "5b4ddb33f71f1c4096577441c03dd766",
  );
});

test("resources assemble to the bytes of the specification", () => {
  assert.equal(
    hex(resourceTemplate(io(0x3f8, 8), irq(4))),
    "11100a0d" + "4701f803f8030108" + "221000" + "7900",
  );
  assert.equal(hex(memory32Fixed(0xfed00000, 0x400)), "86090001" + "0000d0fe" + "00040000");
  assert.equal(hex(extendedInterrupt(5, 10)), "890a00" + "0902" + "05000000" + "0a000000");
  assert.equal(
    hex(memoryWindow64({ base: 0x100000000, length: 0x1000 })),
    "8a2b00" +
      "000c01" +
      "0000000000000000" +
      "0000000001000000" +
      "ff0f000001000000" +
      "0000000000000000" +
      "0010000000000000",
  );
});
