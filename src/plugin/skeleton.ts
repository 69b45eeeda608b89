/**
 * The files that `plugin new` writes.
 *
 * @module
 */
import { KexecError } from "../lib/errors.ts";
import { API_TYPES } from "./api_types.ts";

export interface SkeletonFile {
  /** Name in the new folder. */
  readonly file: string;
  readonly text: string;
}

/**
 * A plugin that works, its test, the types and a page on how to go on.
 *
 * @throws {KexecError} `usage` if the name cannot be a plugin's.
 */
export function pluginSkeleton(name: string): readonly SkeletonFile[] {
  if (!/^[a-z][a-z0-9-]{0,63}$/.test(name)) {
    throw new KexecError(
      "usage",
      `Cannot make plugin ${
        JSON.stringify(name)
      }: expected lower-case letters, digits and dashes, a letter first`,
    );
  }
  return [
    { file: `${name}.ts`, text: plugin(name) },
    { file: `${name}.test.ts`, text: test(name) },
    { file: "flatcar-kexec.ts", text: API_TYPES },
    { file: "README.md", text: readme(name) },
  ];
}

function plugin(name: string): string {
  return `/**
 * ${name}: say here what it knows about the hardware, and where that is written down.
 */
import type { Plugin } from "./flatcar-kexec.ts"; // types alone: nothing of it is needed at run time

/** The section [plugins.${name}] of the configuration, once it is checked. */
interface Options {
  readonly console: string;
}

export default {
  name: "${name}", // also the file's name
  apiVersion: 1,
  description: "one line for flatcar-kexec plugin list",

  // Files for the hooks, if any; * and ? match within one name. Only what every user may read.
  reads: ["/sys/class/dmi/id/product_name"],

  // Without options, take this function out.
  options(raw) {
    const value = raw["console"] ?? "ttyS1,115200n8";
    if (typeof value !== "string") throw new Error("console: expected a text such as \\"ttyS1,115200n8\\"");
    return { console: value };
  },

  // Is this one of your machines? If not, nothing else is called.
  matches: ({ host }) => host.dmi["sys_vendor"] === "${name}",

  // Every hook may be left out, and may answer null: no opinion.
  hooks: {
    // GRUB's own words are already in plan.tokens; add or change what is right for kexec.
    cmdline: ({ options }) => [
      { kind: "append", text: \`console=\${options.console}\`, reason: "the management board listens there" },
    ],

    // Objections (refuse), warnings and remarks.
    check: ({ files }) =>
      files["/sys/class/dmi/id/product_name"]?.trim() === "X1 prototype"
        ? [{ level: "refuse", message: "The X1 prototype hangs in a kexec", hint: "Take ordinary reboots" }]
        : null,

    // Also there: deviceTree, initrd, quiesce, confirm. See flatcar-kexec.ts.
  },
} satisfies Plugin<Options>;
`;
}

function test(name: string): string {
  return `// Run it with any of: node --test   bun test   deno test -A
import assert from "node:assert/strict";
import { test } from "node:test";
import type { HostFacts, PlanDraft } from "./flatcar-kexec.ts";
import plugin from "./${name}.ts";

/** An ordinary machine. What flatcar-kexec snapshot records of yours goes to plugin check --snapshot. */
const HOST: HostFacts = {
  arch: "x86_64",
  platform: "efi",
  kernelRelease: "6.12.103-flatcar",
  cmdline: "BOOT_IMAGE=/flatcar/vmlinuz-a root=LABEL=ROOT",
  bootId: null,
  oem: { id: null, release: {} },
  osRelease: { ID: "flatcar" },
  dmi: {},
  virtualization: "none",
  confidentialVm: null,
  firmware: { efi: true, secureBoot: false, setupMode: false, acpi: true, deviceTree: false, model: null },
  lockdown: "none",
  kexec: { loaded: false, loadDisabled: false },
  memory: { total: 16_000_000, available: 12_000_000 },
  cpus: { online: 4, possible: 4 },
  modules: [],
};

/** What would be booted there. */
const PLAN: PlanDraft = {
  arch: "x86_64",
  platform: "efi",
  slot: null,
  kernel: null,
  tokens: [{ text: "root=LABEL=ROOT", origin: "grub.cfg:99" }],
  firstBoot: false,
  oem: { id: null },
  syscall: "file",
  runningCmdline: HOST.cmdline,
};

const machine = (vendor: string, product = "X2") => ({
  host: { ...HOST, dmi: { sys_vendor: vendor } },
  plan: PLAN,
  options: plugin.options({}),
  files: { "/sys/class/dmi/id/product_name": \`\${product}\\n\` },
});

test("matches its own machines alone", () => {
  assert.equal(plugin.matches(machine("${name}")), true);
  assert.equal(plugin.matches(machine("somebody else")), false);
});

test("puts the console where the management board listens", () => {
  assert.deepEqual(plugin.hooks.cmdline(machine("${name}")).map((edit) => edit.text), ["console=ttyS1,115200n8"]);
});

test("objects to the prototype", () => {
  assert.equal(plugin.hooks.check(machine("${name}", "X1 prototype"))?.[0]?.level, "refuse");
  assert.equal(plugin.hooks.check(machine("${name}")), null);
});

test("refuses a console that is no text", () => {
  assert.throws(() => plugin.options({ console: 1 }), /expected a text/);
});
`;
}

function readme(name: string): string {
  return `# ${name}, a plugin for flatcar-kexec

| file | what it is |
|---|---|
| \`${name}.ts\` | the plugin; the only file that is shipped |
| \`${name}.test.ts\` | its test: \`node --test\`, \`bun test\` or \`deno test -A\` |
| \`flatcar-kexec.ts\` | the types of the interface, for the editor |

Record a host, on the host, and see what the plugin would change there, on any machine:

    flatcar-kexec snapshot > host.json
    flatcar-kexec plugin check ${name}.ts --snapshot host.json

Try it on one machine, until its next boot:

    install -D -m 0644 ${name}.ts /run/flatcar-kexec/plugins/${name}.ts
    flatcar-kexec plan

Ship it on the OEM partition:

    install -D -m 0644 ${name}.ts /oem/flatcar-kexec/plugins/${name}.ts

Other ways to ship it (an OEM sysext, Butane), and the whole interface: docs/plugins.md of flatcar-kexec.
`;
}
