/**
 * `vt86 doctor`: what this host offers and what vt86 makes of it.
 */
import { constants } from "node:fs";
import { access } from "node:fs/promises";
import { totalmem } from "node:os";
import { toolExists } from "../host/node/run-tool.js";

interface Finding {
  readonly name: string;
  readonly good: boolean;
  readonly text: string;
}

/** A module of nothing but one feature's smallest use. */
function supports(bytes: readonly number[]): boolean {
  return WebAssembly.validate(Uint8Array.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, ...bytes]));
}

const simd = () =>
  supports([1, 5, 1, 0x60, 0, 1, 0x7b, 3, 2, 1, 0, 10, 10, 1, 8, 0, 0x41, 0, 0xfd, 15, 0xfd, 98, 11]);
const tailCalls = () => supports([1, 4, 1, 0x60, 0, 0, 3, 2, 1, 0, 10, 6, 1, 4, 0, 0x12, 0, 11]);

async function readable(path: string): Promise<boolean> {
  return access(path, constants.R_OK | constants.W_OK).then(
    () => true,
    () => false,
  );
}

async function findings(): Promise<Finding[]> {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  const nodeGood = major > 20 || (major === 20 && minor >= 19);
  const gib = (totalmem() / 1024 ** 3).toFixed(1);
  const kvm = await readable("/dev/kvm");
  const tools = (await toolExists("apt-get")) && (await toolExists("dpkg-deb"));
  return [
    {
      name: "Node",
      good: nodeGood,
      text: `${process.versions.node}${nodeGood ? "" : ": vt86 needs 20.19 or later"}`,
    },
    { name: "WebAssembly SIMD", good: simd(), text: simd() ? "yes" : "missing: vt86 cannot run here" },
    { name: "WebAssembly tail calls", good: true, text: tailCalls() ? "yes" : "no (not needed)" },
    { name: "Memory", good: true, text: `${gib} GiB; a guest can have up to about 3.9 GiB` },
    {
      name: "KVM",
      good: true,
      text: kvm ? "/dev/kvm is there (vt86 does not use it yet)" : "none (not needed)",
    },
    {
      name: "Debian package tools",
      good: true,
      text: tools
        ? "apt-get and dpkg-deb: 'vt86 run debian' works"
        : "none: 'vt86 run debian' boots the built-in guest",
    },
  ];
}

export async function doctor(): Promise<number> {
  const list = await findings();
  for (const { name, good, text } of list)
    console.log(`${good ? "ok  " : "FAIL"} ${name.padEnd(24)} ${text}`);
  return list.every(({ good }) => good) ? 0 : 1;
}
