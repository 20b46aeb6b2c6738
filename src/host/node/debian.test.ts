import assert from "node:assert/strict";
import { test } from "node:test";
import { debianPackage, metaTarget } from "./debian.js";

test("a meta package stands for the package of the same name with a version in it", () => {
  const depends = (...names: string[]): string =>
    `package\n${names.map((name) => `  Depends: ${name}\n`).join("")}`;
  const target = (name: string, ...names: string[]): string | undefined =>
    metaTarget(name, depends(...names));
  assert.equal(target("linux-image-amd64", "linux-image-6.1.0-50-amd64"), "linux-image-6.1.0-50-amd64");
  assert.equal(
    target("linux-image-cloud-amd64", "linux-image-6.1.0-50-cloud-amd64"),
    "linux-image-6.1.0-50-cloud-amd64",
  );
  assert.equal(
    target("linux-image-686:i386", "linux-image-6.1.0-50-686:i386"),
    "linux-image-6.1.0-50-686:i386",
  );
  assert.equal(target("linux-image-6.1.0-50-amd64", "kmod", "linux-base:any"), undefined);
  assert.equal(target("xen-hypervisor-4.17-amd64", "xen-hypervisor-common"), undefined);
  assert.equal(target("busybox-static", "libc6"), undefined);
});

test("a name that is no package name is refused before anything is run", async () => {
  await assert.rejects(debianPackage({ package: "../evil" }), { name: "UsageError" });
});
