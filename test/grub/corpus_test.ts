import assert from "node:assert/strict";
import { test } from "node:test";
import { formatCorpus, modeOf, parseCorpus, readCorpus, scriptBytes } from "./corpus.ts";
import { errorsIn, findGrubEmu, runInGrub } from "./grub_emu.ts";
import { runOurs } from "./ours.ts";

const corpus = readCorpus();

test("the corpus holds at least 300 cases with what GRUB showed", () => {
  const cases = corpus.flatMap((file) => file.cases);
  assert.ok(cases.length >= 300, `there are ${cases.length}`);
  for (const one of cases) {
    assert.notEqual(one.expected, null, `${one.name}: run deno task grub:oracle --write`);
  }
});

for (const file of corpus) {
  test(`prints what GRUB prints, and as many errors: ${file.theme}`, () => {
    for (const one of file.cases) {
      const { shown, result } = runOurs(scriptBytes(one), modeOf(file.theme));
      const label = `${file.theme}: ${one.name}\n${one.script}`;
      assert.equal(shown.text, one.expected?.text, label);
      assert.equal(shown.ended, one.expected?.ended, label);
      assert.equal(result.errors, errorsIn(shown.text), label);
    }
  });
}

test("a corpus file survives being read and written", () => {
  for (const file of corpus) assert.deepEqual(parseCorpus(formatCorpus(file.cases)), file.cases);
});

const emu = findGrubEmu();
test(
  `a sample of the corpus agrees with the GRUB on this machine${
    emu === null ? " (skipped: no grub-emu)" : ""
  }`,
  { skip: emu === null },
  () => {
    if (emu === null) return;
    for (const file of corpus) {
      for (let index = 3; index < file.cases.length; index += 40) {
        const one = file.cases[index];
        if (one === undefined) continue;
        assert.deepEqual(runInGrub(emu, scriptBytes(one), modeOf(file.theme)), one.expected, one.name);
      }
    }
  },
);
