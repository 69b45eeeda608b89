import assert from "node:assert/strict";
import { chmodSync, existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { runCaptured } from "../support/captured_terminal.ts";
import { reasonWithoutIsolation } from "../support/isolation.ts";
import { writeSampleHost } from "../support/sample_host.ts";
import { withTempFolderAsync, writeTree } from "../support/temp_folder.ts";

const unable = reasonWithoutIsolation();
const title = (name: string) => unable === null ? name : `${name} (skipped: ${unable})`;
const skip = unable !== null;

const plugin = (name: string, cmdline: string) => `
export default { name: "${name}", apiVersion: 1, description: "for a test", matches: ({ host }) => host.oem.id === "qemu",
  hooks: { cmdline: () => ${cmdline} } };`;
const ADD = plugin("acme", '[{ kind: "append", text: "acme=1", reason: "first of all" }]');
const UNDO = plugin("zebra", '[{ kind: "remove", key: "acme", reason: "not here" }]');

/** A slow machine is not what these are about. */
const PATIENT = { "etc/flatcar-kexec/config.toml": "[plugins]\ntime-limit = 20000\n" };

describe("plugin list", () => {
  it("shows where each comes from, what masks it, and what is wrong with it", async () => {
    await withTempFolderAsync(async (folder) => {
      const { args } = writeSampleHost(folder);
      writeTree(folder, {
        "oem/flatcar-kexec/plugins/acme.ts": ADD,
        "oem/flatcar-kexec/plugins/loose.ts": ADD,
        "etc/flatcar-kexec/plugins/acme.ts": { link: "/dev/null" },
      });
      chmodSync(join(folder, "oem/flatcar-kexec/plugins/loose.ts"), 0o666);
      const { exit, out } = await runCaptured(["plugin", "list", ...args]);
      assert.equal(exit, 3);
      assert.match(out, /^equinix-metal +enabled +built in$/m);
      assert.match(
        out,
        /^acme +masked +\/oem\/flatcar-kexec\/plugins\/acme.ts\n +by \/etc\/flatcar-kexec\/plugins\/acme.ts$/m,
      );
      assert.match(out, /^loose +faulty +\/oem[^]*it has\s+mode 0666/m);
      const json: unknown = JSON.parse((await runCaptured(["plugin", "list", ...args, "--json"])).out);
      assert.equal(typeof json === "object" && json !== null && Reflect.get(json, "version"), 1);
    });
  });
});

describe("plan with plugins from files", () => {
  it(title("shows who added what, and who undid it"), { skip }, async () => {
    await withTempFolderAsync(async (folder) => {
      const { args } = writeSampleHost(folder);
      writeTree(folder, { ...PATIENT, "oem/flatcar-kexec/plugins/acme.ts": ADD });
      const one = await runCaptured(["plan", ...args]);
      assert.equal(one.exit, 0, one.err);
      assert.match(one.out, /^ {2}acme=1 +plugin:acme$/m);
      assert.match(one.out, /^ {4}append acme=1: first of all$/m);
      writeTree(folder, { "etc/flatcar-kexec/plugins/zebra.js": UNDO });
      const two = await runCaptured(["plan", ...args]);
      assert.doesNotMatch(two.out, /^ {2}acme=1/m);
      assert.match(two.out, /^ {4}remove acme: not here; undoes an edit of plugin:acme$/m);
    });
  });

  it("refuses the kexec for a plugin that somebody else could have written, by name", async () => {
    await withTempFolderAsync(async (folder) => {
      const { args } = writeSampleHost(folder);
      writeTree(folder, { "oem/flatcar-kexec/plugins/acme.ts": ADD });
      chmodSync(join(folder, "oem/flatcar-kexec/plugins/acme.ts"), 0o646);
      const { exit, out } = await runCaptured(["plan", ...args]);
      assert.equal(exit, 3);
      assert.match(out, /^REFUSED take an ordinary reboot: plugin-failed$/m);
      assert.doesNotMatch(out, /acme=1/);
    });
  });

  it(title("keeps what a plugin prints off the answer, and shows it with --verbose"), { skip }, async () => {
    await withTempFolderAsync(async (folder) => {
      const { args } = writeSampleHost(folder);
      writeTree(folder, {
        ...PATIENT,
        "oem/flatcar-kexec/plugins/acme.ts": `console.log("\\u001b[2Jhello");\n${ADD}`,
      });
      const quiet = await runCaptured(["plan", ...args]);
      assert.doesNotMatch(quiet.out + quiet.err, /hello/);
      assert.match((await runCaptured(["plan", ...args, "--verbose"])).err, /^plugin acme: \[2Jhello$/m);
    });
  });

  it(title("is the same from a snapshot, byte for byte"), { skip }, async () => {
    await withTempFolderAsync(async (folder) => {
      const { args } = writeSampleHost(join(folder, "host"));
      writeTree(join(folder, "host"), { ...PATIENT, "oem/flatcar-kexec/plugins/acme.ts": ADD });
      const snapshot = join(folder, "host.json");
      await runCaptured(["snapshot", ...args, "--output", snapshot]);
      const live = await runCaptured(["plan", ...args, "--json"]);
      const replayed = await runCaptured(["plan", "--snapshot", snapshot, "--json"]);
      assert.match(live.out, /"plugin:acme"/);
      assert.equal(replayed.out, live.out);
    });
  });
});

describe("plugin new and plugin check", () => {
  it(
    title("lead from nothing to a plugin that says what it would change on a recorded host"),
    { skip },
    async () => {
      await withTempFolderAsync(async (folder) => {
        const made = join(folder, "acme");
        const file = join(made, "acme.ts");
        assert.equal((await runCaptured(["plugin", "new", "acme", "--directory", made])).exit, 0);
        assert.ok(existsSync(join(made, "acme.test.ts")));
        const again = await runCaptured(["plugin", "new", "acme", "--directory", made]);
        assert.equal(again.exit, 2);
        assert.match(again.err, /is there already/);

        writeTree(folder, { "patient.toml": PATIENT["etc/flatcar-kexec/config.toml"] });
        const check = ["plugin", "check", file, "--config", join(folder, "patient.toml")];
        const shape = await runCaptured(check);
        assert.equal(shape.exit, 0, shape.err);
        assert.match(shape.out, /^ {2}hooks +cmdline, check$/m);

        const { args } = writeSampleHost(join(folder, "host"));
        const snapshot = join(folder, "host.json");
        await runCaptured(["snapshot", ...args, "--output", snapshot]);
        const other = await runCaptured(["plugin", "check", file, "--snapshot", snapshot]);
        assert.match(other.out, /host.json: does not match$/m);

        const text = readFileSync(file, "utf8").replace(/matches: .*/, "matches: () => true,");
        writeTree(made, { "acme.ts": text });
        const own = await runCaptured(["plugin", "check", file, "--snapshot", snapshot]);
        assert.equal(own.exit, 0, own.err);
        assert.match(
          own.out,
          /matches; the plan stays kexec\n {2}\+ console=ttyS1,115200n8 {2}the management board/,
        );

        writeTree(made, { "acme.ts": text.replace("options(raw) {", "options() { for (;;);") });
        const stuck = await runCaptured(["plugin", "check", file, "--snapshot", snapshot, "--json"]);
        assert.equal(stuck.exit, 3);
        assert.match(stuck.out, /had not ended in options after 2000 ms/);
      });
    },
  );

  it("refuse a file that could not be a plugin's, and one that is not there", async () => {
    await withTempFolderAsync(async (folder) => {
      writeTree(folder, { "Acme.ts": "" });
      assert.match(
        (await runCaptured(["plugin", "check", join(folder, "Acme.ts")])).err,
        /expected a file name of/,
      );
      const missing = await runCaptured(["plugin", "check", join(folder, "none.ts")]);
      assert.equal(missing.exit, 1);
      assert.match(missing.err, /no such file/);
      assert.equal((await runCaptured(["plugin", "new", "Acme"])).exit, 2);
    });
  });
});
