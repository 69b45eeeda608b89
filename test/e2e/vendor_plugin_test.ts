import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { binaryFor, hostArch } from "../../tasks/bun.ts";
import { reasonWithoutIsolation } from "../support/isolation.ts";
import { writeSampleHost } from "../support/sample_host.ts";
import { withTempFolder, writeTree } from "../support/temp_folder.ts";
import { loadedPlanOf, planOf, refusing } from "./answers.ts";
import { vmTest } from "./vm_test_case.ts";

/** A vendor's file: typed, with a file of the host to read and a section of the configuration. */
const ACME = `
interface Options { readonly shelf: number }

const VENDOR: string = "/sys/class/dmi/id/sys_vendor";

export default {
  name: "acme",
  apiVersion: 1,
  description: "tells the next kernel where it stands",
  reads: [VENDOR],
  options(raw: Readonly<Record<string, unknown>>): Options {
    if (typeof raw["shelf"] !== "number") throw new Error("shelf: expected a number");
    return { shelf: raw["shelf"] };
  },
  matches: ({ host }: { host: { virtualization: string } }): boolean => host.virtualization !== "none",
  hooks: {
    cmdline({ options, files }: { options: Options; files: Record<string, string> }) {
      console.log("asked");
      return [
        { kind: "append", text: \`acme.shelf=\${options.shelf}\`, reason: "the agent asks for it" },
        { kind: "append", text: \`acme.vendor=\${(files[VENDOR] ?? "none").trim()}\`, reason: "told by SMBIOS" },
        { kind: "replace", key: "panic", text: "panic=7", reason: "the watchdog needs more time" },
      ] as const;
    },
  },
};
`;

const SHADOW = `export default {
  name: "shadow",
  apiVersion: 1,
  description: "must not be asked",
  matches: () => true,
  hooks: { cmdline: () => [{ kind: "append", text: "shadow.was.here", reason: "nobody masked it" }] },
};
`;

const ON_OEM = "/oem/flatcar-kexec/plugins";

/** As a vendor's installer would: the file gets there while the machine runs. */
const DROP_IN = `mount -o remount,rw /oem
mkdir -p ${ON_OEM}
cp /e2e/vendor/acme.ts /e2e/vendor/shadow.ts ${ON_OEM}/
chmod 644 ${ON_OEM}/*`;

const MASK = "mkdir -p /etc/flatcar-kexec/plugins; ln -s /dev/null /etc/flatcar-kexec/plugins/shadow.ts";

const NOT_ISOLATED = reasonWithoutIsolation();
test(`the binary runs a plugin from a file${NOT_ISOLATED === null ? "" : ` (${NOT_ISOLATED})`}`, {
  skip: NOT_ISOLATED !== null,
}, () => {
  withTempFolder((folder) => {
    const host = writeSampleHost(folder);
    // A plugin is only given what every user of the host may read, and the folder is the host's root.
    chmodSync(folder, 0o755);
    writeTree(folder, {
      "oem/flatcar-kexec/plugins/acme.ts": ACME,
      "etc/flatcar-kexec/config.toml": "[plugins.acme]\nshelf = 42\n",
    });
    const child = spawnSync(binaryFor(hostArch()), ["plan", "--json", "--verbose", ...host.args], {
      encoding: "utf8",
      env: {},
    });
    const plan = planOf(child.stdout);
    assert.deepEqual(refusing(plan), [], child.stdout);
    assert.match(plan.cmdline ?? "", / acme\.shelf=42 acme\.vendor=QEMU /);
    assert.match(child.stderr, /^plugin acme: asked$/m);
  });
});

vmTest(
  "a vendor's plugin on the OEM partition changes the next command line, a masked one does not, and one that " +
    "anybody could have written is refused by name",
  {
    counters: { a: [1, 0, 1], b: [0, 0, 0] },
    limit: 600,
    // Everything but the kernel's own work is ten times slower in an emulated machine.
    config: "[plugins]\ntime-limit = 60000\n[plugins.acme]\nshelf = 42\n",
    root: (tree) => {
      mkdirSync(join(tree, "e2e/vendor"));
      writeFileSync(join(tree, "e2e/vendor/acme.ts"), ACME);
      writeFileSync(join(tree, "e2e/vendor/shadow.ts"), SHADOW);
    },
    boots: [
      `${DROP_IN}; chmod 666 ${ON_OEM}/acme.ts
keep plan flatcar-kexec plan --json
keep reboot flatcar-kexec reboot`,
      // "load" tells the plan as well. Where every second is ten, nothing is planned twice.
      `mount -o remount,rw /oem; chmod 644 ${ON_OEM}/acme.ts; ${MASK}
keep load flatcar-kexec load --json
keep list flatcar-kexec plugin list
systemctl kexec`,
      "off",
    ],
  },
  async (machine) => {
    await machine.powerOn();
    const first = machine.boot(1);
    const refused = planOf(first.file("plan.out"));
    assert.deepEqual(refusing(refused), ["plugin-failed"]);
    const message = refused.findings.find((finding) => finding.id === "plugin-failed")?.message ?? "";
    assert.match(message, /^Plugin acme \(\/oem\/flatcar-kexec\/plugins\/acme\.ts\)/);
    assert.match(message, /mode 0666/);
    // It went through the firmware: QEMU ended.
    assert.match(first.file("systemctl.log"), /^reboot$/m);
    assert.doesNotMatch(machine.cycles[0]?.serial ?? "", /E2E boot 2/);
    // Nothing of it is used; the other one, not masked yet, is.
    assert.equal(withoutMarker(refused.cmdline), `${first.cmdline} shadow.was.here`);

    await machine.powerOn();
    const second = machine.boot(2);
    const plan = loadedPlanOf(second.file("load.out"));
    assert.deepEqual(refusing(plan), []);
    assert.equal(
      withoutMarker(plan.cmdline),
      `${second.cmdline.replace(" panic=3", " panic=7")} acme.shelf=42 acme.vendor=QEMU`,
    );
    assert.match(second.file("load.err"), /^plugin acme: asked$/m);
    assert.match(second.file("list.out"), /shadow .*masked/);
    const third = machine.boot(3);
    assert.notEqual(third.bootId, second.bootId);
    assert.equal(third.cmdline, plan.cmdline);
    assert.match(machine.cycles[1]?.serial ?? "", /E2E boot 2[^]*E2E boot 3/);
  },
);

/** The attempt's own word is another one in each boot. */
function withoutMarker(cmdline: string | null): string {
  return (cmdline ?? "").replace(/ flatcar\.kexec=\S+/, "");
}
