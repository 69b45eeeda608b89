import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, it } from "node:test";
import { DEFAULT_CONFIG, type PluginSettings } from "../../src/config/config.ts";
import { discoverPlugins, FILE_LIMIT } from "../../src/plugin/discovery.ts";
import { memoryHost, type MemoryHostOptions } from "../support/memory_host.ts";

const USR = "/usr/share/flatcar-kexec/plugins";
const OEM = "/oem/flatcar-kexec/plugins";
const ETC = "/etc/flatcar-kexec/plugins";
const RUN = "/run/flatcar-kexec/plugins";

const find = (
  options: MemoryHostOptions,
  config: Partial<PluginSettings> = {},
  builtIn: readonly string[] = ["ec2", "gpu"],
) => discoverPlugins(memoryHost(options), { ...DEFAULT_CONFIG.plugins, ...config }, builtIn);

/** `source state`, one for each. */
const states = (...args: Parameters<typeof find>) =>
  find(...args).map(({ source, name, state }) => `${source === "built in" ? name : source} ${state.kind}`);

const faultOf = (...args: Parameters<typeof find>) => {
  const state = find(...args).map((found) => found.state).find((one) => one.kind === "faulty");
  return state?.kind === "faulty" ? state.message : null;
};

describe("discoverPlugins()", () => {
  it("finds only what is built in on an ordinary host, with one question a directory", () => {
    const host = memoryHost();
    const found = discoverPlugins(host, DEFAULT_CONFIG.plugins, ["ec2", "gpu"]);
    assert.deepEqual(found.map(({ name, state }) => [name, state.kind]), [["ec2", "built-in"], [
      "gpu",
      "built-in",
    ]]);
    assert.deepEqual(host.asked, [`list ${USR}`, `list ${OEM}`, `list ${ETC}`, `list ${RUN}`]);
  });

  it("takes directories in order of rank and files by name", () => {
    assert.deepEqual(
      states({
        files: { [`${RUN}/a.js`]: "", [`${OEM}/20-z.ts`]: "", [`${OEM}/10-b.ts`]: "", [`${USR}/c.ts`]: "" },
      }),
      [
        "ec2 built-in",
        "gpu built-in",
        `${USR}/c.ts ready`,
        `${OEM}/10-b.ts ready`,
        `${OEM}/20-z.ts ready`,
        `${RUN}/a.js ready`,
      ],
    );
  });

  it("names a plugin without its number", () => {
    assert.deepEqual(find({ files: { [`${OEM}/10-acme.ts`]: "" } }).map(({ name }) => name), [
      "ec2",
      "gpu",
      "acme",
    ]);
  });

  it("lets a later directory override an earlier one, whatever the extension, and a built-in one", () => {
    assert.deepEqual(
      states({ files: { [`${OEM}/acme.ts`]: "", [`${ETC}/acme.js`]: "", [`${OEM}/gpu.ts`]: "" } }),
      [
        "ec2 built-in",
        "gpu overridden",
        `${OEM}/acme.ts overridden`,
        `${OEM}/gpu.ts ready`,
        `${ETC}/acme.js ready`,
      ],
    );
  });

  it("masks by a link to /dev/null, also through another link", () => {
    assert.deepEqual(
      states({
        files: { [`${OEM}/acme.ts`]: "" },
        links: {
          [`${ETC}/acme.ts`]: "/dev/null",
          [`${RUN}/gpu.ts`]: "/run/nothing",
          "/run/nothing": "/dev/null",
        },
        devices: ["/dev/null"],
      }),
      [
        "ec2 built-in",
        "gpu masked",
        `${OEM}/acme.ts masked`,
        `${ETC}/acme.ts masked`,
        `${RUN}/gpu.ts masked`,
      ],
    );
  });

  it("runs a file again that overrides a mask", () => {
    assert.deepEqual(
      states({
        files: { [`${RUN}/gpu.ts`]: "" },
        links: { [`${ETC}/gpu.ts`]: "/dev/null" },
        devices: ["/dev/null"],
      }),
      ["ec2 built-in", "gpu overridden", `${ETC}/gpu.ts overridden`, `${RUN}/gpu.ts ready`],
    );
  });

  it("leaves out what the configuration disables", () => {
    assert.deepEqual(states({ files: { [`${OEM}/acme.ts`]: "" } }, { disabled: ["ec2", "acme"] }), [
      "ec2 disabled",
      "gpu built-in",
      `${OEM}/acme.ts disabled`,
    ]);
  });

  it("passes over what is no module, and fails what is one by a name of another form", () => {
    assert.deepEqual(states({ files: { [`${OEM}/README.md`]: "", [`${OEM}/acme.d.ts`]: "" } }).length, 2);
    for (const name of ["Acme.ts", "acme_test.ts", "acme.mjs", "10_acme.ts", "acme.tsx", "1.js"]) {
      assert.match(
        faultOf({ files: { [`${OEM}/${name}`]: "" } }) ?? "",
        /expected a file name of lower-case/,
        name,
      );
    }
  });

  it("fails two files of one name in one directory", () => {
    assert.match(
      faultOf({ files: { [`${OEM}/acme.js`]: "", [`${OEM}/acme.ts`]: "" } }) ?? "",
      /has the same name/,
    );
  });

  it("refuses a file that somebody else could have written, with owner and mode", () => {
    const file = `${OEM}/acme.ts`;
    const files = { [file]: "" };
    for (
      const [statuses, message] of [
        [{ [file]: { mode: 0o666 } }, /acme.ts: it has mode 0666, expected no write permission/],
        [{ [file]: { mode: 0o664 } }, /acme.ts: it has mode 0664/],
        [{ [file]: { uid: 1000 } }, /acme.ts: it belongs to uid 1000, expected 0$/],
        [{ "/oem/flatcar-kexec": { mode: 0o777 } }, /\/oem\/flatcar-kexec, on the way to .* has mode 0777/],
        [{ [OEM]: { mode: 0o1777 } }, /has mode 1777/],
        [{ "/oem": { uid: 500 } }, /\/oem, on the way to .*, belongs to uid 500, expected 0$/],
      ] as const
    ) {
      assert.match(faultOf({ files, statuses }) ?? "", message);
    }
  });

  it("checks the directories that a link leads through", () => {
    const options: MemoryHostOptions = {
      files: { "/home/core/plugins/acme.ts": "" },
      links: { [`${ETC}/acme.ts`]: "/home/core/plugins/acme.ts" },
    };
    assert.deepEqual(states(options).at(-1), `${ETC}/acme.ts ready`);
    const message = faultOf({ ...options, statuses: { "/home/core": { uid: 500 } } });
    assert.match(message ?? "", /\/home\/core, on the way to \/etc\/.*acme.ts, belongs to uid 500/);
  });

  it("takes no mask and no override from a directory that others can write", () => {
    assert.deepEqual(
      states({
        files: { [`${OEM}/acme.ts`]: "" },
        links: { [`${RUN}/acme.ts`]: "/dev/null" },
        devices: ["/dev/null"],
        statuses: { [RUN]: { mode: 0o777 } },
      }),
      ["ec2 built-in", "gpu built-in", `${OEM}/acme.ts ready`, `${RUN} faulty`],
    );
  });

  it("trusts the owner of the tree that stands for a host", () => {
    const file = `${OEM}/acme.ts`;
    const files = { [file]: "" };
    const own = { "/": { uid: 1000 }, [file]: { uid: 1000 } };
    assert.equal(faultOf({ files, statuses: own }), null);
    const other = { "/": { uid: 1000 }, [file]: { uid: 1001 } };
    assert.match(faultOf({ files, statuses: other }) ?? "", /belongs to uid 1001, expected 0 or 1000/);
  });

  it("runs only the bytes whose digest is pinned", () => {
    const text = "export default {};";
    const digest = createHash("sha256").update(text).digest("hex");
    const files = { [`${OEM}/acme.ts`]: text };
    assert.equal(faultOf({ files }, { digests: { "acme.ts": digest.toUpperCase() } }), null);
    const wrong = faultOf({ files }, { digests: { "acme.ts": "00".repeat(32) } });
    assert.match(wrong ?? "", new RegExp(`its SHA-256 is ${digest}, the configuration expects 0000`));
  });

  it("misses a plugin that is pinned and not there", () => {
    assert.match(
      faultOf({}, { digests: { "acme.ts": "00" } }) ?? "",
      /pins its digest, and no plugin directory has it/,
    );
  });

  it("misses a pinned plugin whose place a file of another extension takes, or a mask", () => {
    const digest = createHash("sha256").update("").digest("hex");
    const pinned = { digests: { "acme.ts": digest } };
    const beaten = { files: { [`${OEM}/acme.ts`]: "", [`${ETC}/acme.js`]: "" } };
    assert.deepEqual(states(beaten, pinned).at(-1), "plugins.digests faulty");
    assert.match(
      faultOf(beaten, pinned) ?? "",
      /^Cannot run acme.ts: .* pins its digest, and \/etc\/flatcar-kexec\/plugins\/acme.js takes its place$/,
    );
    for (const mask of ["acme.ts", "acme.js"]) {
      const masked = {
        files: { [`${OEM}/acme.ts`]: "" },
        links: { [`${RUN}/${mask}`]: "/dev/null" },
        devices: ["/dev/null"],
      };
      assert.match(faultOf(masked, pinned) ?? "", new RegExp(`and ${RUN}/${mask} masks it$`));
    }
  });

  it("is content with a pinned plugin that runs from another directory, or says itself why it does not", () => {
    const digest = createHash("sha256").update("").digest("hex");
    const twice = { files: { [`${OEM}/acme.ts`]: "old", [`${ETC}/acme.ts`]: "" } };
    assert.equal(faultOf(twice, { digests: { "acme.ts": digest } }), null);
    const wrong = { files: { [`${OEM}/acme.ts`]: "other" } };
    const faults = find(wrong, { digests: { "acme.ts": digest } }).filter(({ state }) =>
      state.kind === "faulty"
    );
    assert.deepEqual(faults.map(({ source }) => source), [`${OEM}/acme.ts`]);
  });

  it("lets the configuration disable what it pins, there or not", () => {
    const settings = { disabled: ["acme"], digests: { "10-acme.ts": "00" } };
    assert.equal(faultOf({ files: { [`${OEM}/10-acme.ts`]: "" } }, settings), null);
    assert.equal(faultOf({}, settings), null);
  });

  it("reads each file once, and hands on what it read", () => {
    const file = `${OEM}/acme.ts`;
    const host = memoryHost({ files: { [file]: "// grüße" } });
    const [found] = discoverPlugins(host, DEFAULT_CONFIG.plugins, []);
    assert.equal(found?.state.kind === "ready" && found.state.text, "// grüße");
    assert.deepEqual(host.asked.filter((question) => question.startsWith("read ")), [`read ${file}`]);
  });

  it("refuses what is too long, and what is not text", () => {
    const file = `${OEM}/acme.ts`;
    assert.match(faultOf({ files: { [file]: "x".repeat(FILE_LIMIT + 1) } }) ?? "", /262145 bytes/);
    assert.match(faultOf({ files: { [file]: Uint8Array.of(0xff, 0xfe) } }) ?? "", /not UTF-8/);
  });

  it("ends on a circle of links", () => {
    const file = `${ETC}/acme.ts`;
    const options = { links: { [file]: "/etc/b", "/etc/b": "/etc/a", "/etc/a": "/etc/b" } };
    assert.match(faultOf(options) ?? "", /circle of symbolic links/);
  });
});
