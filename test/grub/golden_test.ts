import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { emptyEnvironment, MISSING } from "../../src/grub/environment.ts";
import { evaluate } from "../../src/grub/evaluate.ts";
import type { GrubCpu, GrubPlatform } from "../../src/grub/platform.ts";
import type { GrubResult } from "../../src/grub/result.ts";

const shared = process.env["FLATCAR_KEXEC_SHARED"] ?? new URL("../../../shared", import.meta.url).pathname;
const folder = join(shared, "flatcar");
const here = existsSync(join(folder, "grub.cfg"));
const skipped = here ? "" : " (skipped: the shared folder is not here)";
const USR_A = "7130c94a-213a-4e5a-8e26-6cce9662f132";
const USR_B = "e03dd35c-7c2d-4a47-b3fe-27f15780a57c";

interface Case {
  readonly platform: GrubPlatform;
  readonly cpu: GrubCpu;
  readonly oem?: string;
  readonly uuid?: string;
  readonly firstBoot?: boolean;
}

function boot({ platform, cpu, oem, uuid = USR_A, firstBoot = false }: Case): GrubResult {
  const main = readFileSync(join(folder, "grub.cfg"), "utf-8")
    .replaceAll("@@MOUNTUSR@@", "mount.usr=/dev/mapper/usr verity.usr");
  return evaluate({
    main: { name: "grub.cfg", bytes: Buffer.from(main) },
    platform,
    cpu,
    environment: emptyEnvironment({
      search: (kind, value) =>
        kind === "part-label" && value === "OEM" && oem !== undefined
          ? { kind: "found", text: "hd0,gpt6" }
          : MISSING,
      file: (device, path) => {
        if (device === "hd0,gpt6" && path === "/grub.cfg" && oem !== undefined) {
          return { kind: "file", bytes: () => readFileSync(join(folder, "oem", oem)) };
        }
        const flag = firstBoot && device === "hd0,gpt1" && path === "/flatcar/first_boot";
        return flag ? { kind: "file", bytes: () => Buffer.alloc(0) } : { kind: "missing" };
      },
      gptprioNext: () => ({ device: "hd0,gpt3", uuid }),
      shortName: (_device, path) => `oem${path}`,
    }),
  });
}

function line(result: GrubResult): string {
  assert.ok(result.linux !== null);
  return [result.linux.kernel, ...result.linux.tokens.map(({ text }) => text)].join(" ");
}

const HEAD = "mount.usr=/dev/mapper/usr verity.usr=PARTUUID=";
const BEFORE = "rootflags=rw mount.usrflags=ro consoleblank=0 root=LABEL=ROOT";
const PC = "console=ttyS0,115200n8 console=tty0";

test(
  `boots Flatcar's configuration without an OEM as GRUB does, on each platform${skipped}`,
  { skip: !here },
  () => {
    const a = `/flatcar/vmlinuz-a ${HEAD}${USR_A} ${BEFORE}`;
    assert.equal(line(boot({ platform: "pc", cpu: "i386" })), `${a} ${PC}`);
    assert.equal(line(boot({ platform: "efi", cpu: "x86_64" })), `${a} ${PC}`);
    assert.equal(
      line(boot({ platform: "efi", cpu: "arm64" })),
      `${a} console=ttyAMA0,115200n8 console=tty0 acpi=force`,
    );
    assert.equal(line(boot({ platform: "xen", cpu: "x86_64" })), `${a} console=hvc0`);
  },
);

test(`takes the kernel of the slot that is next${skipped}`, { skip: !here }, () => {
  const result = boot({ platform: "pc", cpu: "i386", uuid: USR_B });
  assert.equal(line(result), `/flatcar/vmlinuz-b ${HEAD}${USR_B} ${BEFORE} ${PC}`);
  assert.equal(result.gptprio.length, 1);
  assert.equal(result.gptprio[0]?.slot?.uuid, USR_B);
  assert.equal(result.gptprio[0]?.device, "hd0");
});

test(`asks for the first boot's work if the flag is there${skipped}`, { skip: !here }, () => {
  assert.equal(
    line(boot({ platform: "efi", cpu: "arm64", firstBoot: true, oem: "azure.cfg" })),
    `/flatcar/vmlinuz-a ${HEAD}${USR_A} ${BEFORE} console=tty1 console=ttyAMA0,115200n8 ` +
      "earlycon=pl011,0xeffec000 flatcar.first_boot=detected acpi=force flatcar.oem.id=azure flatcar.autologin",
  );
});

/** Consoles where the OEM file has its own; what it appends; its id where that is not the file's name. */
const OEMS: Readonly<
  Record<string, { id?: string; append?: string; console?: (platform: string, cpu: string) => string | null }>
> = {
  ami: {
    id: "ec2",
    append: "modprobe.blacklist=xen_fbfront net.ifnames=0 nvme_core.io_timeout=4294967295",
    console: (platform, cpu) =>
      platform === "pc"
        ? "console=ttyS0,115200n8"
        : cpu === "arm64"
        ? "console=tty1 console=ttyS0,115200n8 earlycon"
        : null,
  },
  azure: {
    append: "flatcar.autologin",
    console: (_platform, cpu) =>
      cpu === "arm64"
        ? "console=tty1 console=ttyAMA0,115200n8 earlycon=pl011,0xeffec000"
        : "console=tty1 console=ttyS0,115200n8 earlyprintk=ttyS0,115200",
  },
  gce: { console: () => "console=ttyS0,115200n8" },
  openstack: { append: "flatcar.autologin" },
  proxmoxve: { append: "flatcar.autologin" },
  qemu: { append: "flatcar.autologin" },
  scaleway: { console: () => "console=ttyS0,115200n8 earlycon=ttyS0,115200" },
  stackit: { id: "openstack" },
  vmware: { append: "flatcar.autologin" },
};

test(`boots with every OEM file that Flatcar ships as GRUB does${skipped}`, { skip: !here }, () => {
  const files = readdirSync(join(folder, "oem"));
  assert.ok(files.length >= 20);
  for (const oem of files) {
    const name = oem.replace(/\.cfg$/, "");
    const rules = OEMS[name] ?? {};
    for (
      const { platform, cpu } of [
        { platform: "pc", cpu: "i386" },
        { platform: "efi", cpu: "x86_64" },
        { platform: "efi", cpu: "arm64" },
      ] as const
    ) {
      const arm = cpu === "arm64";
      const consoles = rules.console?.(platform, cpu) ?? (arm ? "console=ttyAMA0,115200n8 console=tty0" : PC);
      const parts = [
        `/flatcar/vmlinuz-a ${HEAD}${USR_A} ${BEFORE}`,
        consoles,
        arm ? "acpi=force" : "",
        `flatcar.oem.id=${rules.id ?? name}`,
        rules.append ?? "",
      ];
      const result = boot({ platform, cpu, oem });
      assert.equal(
        line(result),
        parts.filter((part) => part !== "").join(" "),
        `${oem} on ${platform} ${cpu}`,
      );
      assert.deepEqual(result.diagnostics, [], oem);
      assert.equal(result.end, "boot");
      assert.equal(result.entry?.id, "flatcar");
    }
  }
});
