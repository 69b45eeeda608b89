import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import type { Edit } from "../../src/plugin/api.ts";
import type { Token } from "../../src/plugin/draft.ts";
import { applyEdits, type EditRights, keyOf, protectionOf } from "../../src/plugin/edits.ts";
import { KexecError } from "../../src/lib/errors.ts";

const tokens: readonly Token[] = [
  { text: "BOOT_IMAGE=/flatcar/vmlinuz-a", origin: "grub.cfg:120" },
  { text: "root=LABEL=ROOT", origin: "grub.cfg:60" },
  { text: "console=ttyS0,115200n8", origin: "grub.cfg:76" },
  { text: "console=tty0", origin: "grub.cfg:76" },
  { text: "quiet", origin: "oem/grub.cfg:3" },
  { text: "verity.usrhash=00", origin: "kernel" },
];
const rights: EditRights = { plugin: "acme", claims: [], allowed: false };
const texts = (list: readonly Token[]) => list.map((token) => token.text).join(" ");
const edit = (...edits: readonly Edit[]) => applyEdits(tokens, edits, rights);

const pluginFailed = (pattern: RegExp) => (error: unknown) =>
  error instanceof KexecError && error.code === "plugin-failed" && pattern.test(error.message);

describe("applyEdits()", () => {
  it("puts appended words last, with the plugin as their origin", () => {
    const result = edit({ kind: "append", text: "nosmt", reason: "why" });
    assert.deepEqual(result.tokens.at(-1), { text: "nosmt", origin: "plugin:acme" });
    assert.deepEqual(result.reports, [{
      kind: "append",
      target: "nosmt",
      text: "nosmt",
      reason: "why",
      applied: true,
      conflict: null,
    }]);
  });

  it("appends before what goes to init", () => {
    const withInit = [...tokens, { text: "--", origin: "x" }, { text: "single", origin: "x" }];
    const result = applyEdits(withInit, [{ kind: "append", text: "a=b", reason: "r" }], rights);
    assert.match(texts(result.tokens), / a=b -- single$/);
  });

  it("appends nothing where the word is already the last of its key", () => {
    const result = edit({ kind: "append", text: "console=tty0", reason: "r" });
    assert.equal(texts(result.tokens), texts(tokens));
    assert.equal(result.reports[0]?.applied, false);
    assert.match(result.reports[0]?.reason ?? "", /already there/);
  });

  it("appends a word again where another of its key came later", () => {
    const result = edit({ kind: "append", text: "console=ttyS0,115200n8", reason: "r" });
    assert.equal(result.tokens.at(-1)?.text, "console=ttyS0,115200n8");
  });

  it("prepends after BOOT_IMAGE", () => {
    assert.match(
      texts(edit({ kind: "prepend", text: "a=1", reason: "r" }).tokens),
      /^BOOT_IMAGE=\S+ a=1 root=/,
    );
  });

  it("removes every word of a key, and a whole word alone", () => {
    assert.doesNotMatch(texts(edit({ kind: "remove", key: "console", reason: "r" }).tokens), /console/);
    const one = texts(edit({ kind: "remove", token: "console=tty0", reason: "r" }).tokens);
    assert.match(one, /console=ttyS0/);
    assert.doesNotMatch(one, /console=tty0/);
  });

  it("replaces the first match in its place and drops the others", () => {
    const result = edit({ kind: "replace", key: "console", text: "console=ttyS1", reason: "r" });
    assert.equal(
      texts(result.tokens),
      "BOOT_IMAGE=/flatcar/vmlinuz-a root=LABEL=ROOT console=ttyS1 quiet verity.usrhash=00",
    );
  });

  it("says what did nothing", () => {
    const result = edit({ kind: "remove", key: "nosuch", reason: "r" });
    assert.equal(result.reports[0]?.applied, false);
    assert.match(result.reports[0]?.reason ?? "", /no such word/);
  });

  it("takes dash and underscore for the same, as the kernel does", () => {
    assert.equal(keyOf("rd-driver_x=1"), keyOf("rd_driver-x=2"));
    assert.equal(keyOf('"root=x y"'), "root");
  });

  for (
    const [what, bad] of [
      ["a blank", "a b"],
      ["a line end", "a\nb"],
      ["a NUL", "a\0b"],
      ["a double quote", 'a="b'],
      ["a tab", "a\tb"],
      ["a letter beyond ASCII", "gr\u00fcn=1"],
      ["nothing", ""],
      ["no key", "=x"],
      ["a double dash alone", "--"],
      ["2000 characters", "x".repeat(2000)],
    ] as const
  ) {
    it(`refuses a word with ${what}`, () => {
      for (const kind of ["append", "prepend"] as const) {
        assert.throws(() => edit({ kind, text: bad, reason: "r" }), pluginFailed(/^Cannot /));
      }
      assert.throws(
        () => edit({ kind: "replace", key: "quiet", text: bad, reason: "r" }),
        pluginFailed(/Cannot/),
      );
    });
  }

  for (const key of ["root", "verity.usr", "verity.usrhash", "mount.usr", "mount.usrflags", "BOOT_IMAGE"]) {
    it(`refuses to touch ${key} without leave of manifest and administrator`, () => {
      const edits: readonly Edit[] = [
        { kind: "append", text: `${key}=x`, reason: "r" },
        { kind: "prepend", text: `${key}=x`, reason: "r" },
        { kind: "remove", key, reason: "r" },
        { kind: "replace", key: "quiet", text: `${key}=x`, reason: "r" },
        { kind: "replace", key, text: "quiet", reason: "r" },
      ];
      for (const one of edits) {
        assert.throws(() => edit(one), pluginFailed(/is protected, and the plugin does not list it/));
        const claimed = { ...rights, claims: [key] };
        assert.throws(
          () => applyEdits(tokens, [one], claimed),
          pluginFailed(/the configuration does not let/),
        );
        applyEdits(tokens, [one], { ...claimed, allowed: true });
      }
    });
  }

  it("sees a protected key behind a quote or a dash", () => {
    assert.throws(
      () => edit({ kind: "append", text: "mount.usrflags", reason: "r" }),
      pluginFailed(/protected/),
    );
    const quoted = [{ text: '"root=LABEL=X Y"', origin: "grub.cfg:1" }];
    assert.throws(
      () => applyEdits(quoted, [{ kind: "remove", token: '"root=LABEL=X Y"', reason: "r" }], rights),
      pluginFailed(/protected/),
    );
    assert.throws(
      () => edit({ kind: "append", text: "BOOT-IMAGE=x", reason: "r" }),
      pluginFailed(/protected/),
    );
  });

  it("leaves the program's own marker alone, whatever was allowed", () => {
    assert.throws(
      () =>
        applyEdits(tokens, [{ kind: "append", text: "flatcar.kexec=1", reason: "r" }], {
          plugin: "acme",
          claims: ["flatcar.kexec"],
          allowed: true,
        }),
      pluginFailed(/belongs to flatcar-kexec itself/),
    );
  });

  it("names the plugin whose work an edit undoes", () => {
    const first = applyEdits(tokens, [
      { kind: "append", text: "a=1", reason: "r" },
      { kind: "remove", key: "quiet", reason: "r" },
    ], { ...rights, plugin: "one" });
    const second = applyEdits(
      first.tokens,
      [
        { kind: "replace", key: "a", text: "a=2", reason: "r" },
        { kind: "append", text: "quiet", reason: "r" },
        { kind: "append", text: "b=1", reason: "r" },
      ],
      { ...rights, plugin: "two" },
      [{ name: "one", source: "built in", edits: first.reports, deviceTree: null, initrd: [], quiesce: [] }],
    );
    assert.deepEqual(
      second.reports.map((report) => report.conflict),
      ["undoes an edit of plugin:one", "undoes an edit of plugin:one", null],
    );
  });
});

const word = fc.stringMatching(/^[a-z][a-z0-9._-]{0,6}(=[a-z0-9,]{0,6})?$/);
const freeWord = word.filter((text) => protectionOf(keyOf(text)) === null && keyOf(text) !== "flatcar.kexec");
const anyEdit: fc.Arbitrary<Edit> = fc.oneof(
  fc.record({ kind: fc.constant("append" as const), text: freeWord, reason: fc.constant("r") }),
  fc.record({ kind: fc.constant("prepend" as const), text: freeWord, reason: fc.constant("r") }),
  fc.record({ kind: fc.constant("remove" as const), key: freeWord.map(keyOf), reason: fc.constant("r") }),
  fc.record({ kind: fc.constant("remove" as const), token: freeWord, reason: fc.constant("r") }),
  fc.record({
    kind: fc.constant("replace" as const),
    key: freeWord.map(keyOf),
    text: freeWord,
    reason: fc.constant("r"),
  }),
);
const anyTokens = fc.array(fc.record({ text: word, origin: fc.constant<string>("grub.cfg:1") }), {
  maxLength: 8,
});
const run = { seed: 5, numRuns: 300 } as const;

describe("applyEdits(), for any words and edits", () => {
  it("never loses, adds or moves a protected word", () => {
    fc.assert(
      fc.property(anyTokens, fc.array(anyEdit, { maxLength: 6 }), (before, edits) => {
        const guarded = (list: readonly Token[]) =>
          list.filter((token) => protectionOf(keyOf(token.text)) !== null).map((token) => token.text);
        const mixed = [...tokens, ...before];
        assert.deepEqual(guarded(applyEdits(mixed, edits, rights).tokens), guarded(mixed));
      }),
      run,
    );
  });

  it("changes nothing where every report says so", () => {
    fc.assert(
      fc.property(anyTokens, fc.array(anyEdit, { maxLength: 3 }), (before, edits) => {
        const result = applyEdits(before, edits, rights);
        assert.equal(result.reports.length, edits.length);
        if (result.reports.every((report) => !report.applied)) assert.deepEqual(result.tokens, before);
        else assert.notDeepEqual(result.reports, []);
      }),
      run,
    );
  });

  it("marks exactly the new words with the plugin's name", () => {
    fc.assert(
      fc.property(anyTokens, anyEdit, (before, one) => {
        const result = applyEdits(before, [one], rights);
        const own = result.tokens.filter((token) => token.origin === "plugin:acme");
        const expected = result.reports[0]?.applied === true && one.kind !== "remove" ? 1 : 0;
        assert.equal(own.length, expected);
        assert.ok(result.tokens.every((token) => token.origin === "plugin:acme" || before.includes(token)));
      }),
      run,
    );
  });

  it("does nothing the second time", () => {
    fc.assert(
      fc.property(anyTokens, anyEdit, (before, one) => {
        const once = applyEdits(before, [one], rights);
        const twice = applyEdits(once.tokens, [one], rights);
        assert.deepEqual(twice.tokens, once.tokens);
      }),
      run,
    );
  });
});
