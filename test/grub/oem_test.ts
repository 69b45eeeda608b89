import assert from "node:assert/strict";
import { test } from "node:test";
import { SAMPLE_GRUB_CFG } from "../support/sample_grub_cfg.ts";
import { findGrubEmu } from "./grub_emu.ts";
import {
  askGrub,
  evaluateOem,
  flatcarMainConfiguration,
  readOemCases,
  shownBy,
  type Target,
  TARGETS,
} from "./oem_corpus.ts";

const cases = readOemCases();
const flatcar = flatcarMainConfiguration();
const emu = findGrubEmu();

test("there are at least 60 OEM files with what GRUB gave to linux", () => {
  assert.ok(cases.length >= 60, `there are ${cases.length}`);
  for (const one of cases) {
    assert.deepEqual(
      Object.keys(one.expected),
      TARGETS.map(({ name }) => name),
      one.title,
    );
  }
});

function agrees(main: string, target: Target): void {
  for (const one of cases) {
    assert.equal(
      shownBy(evaluateOem(main, one, target)),
      one.expected[target.name],
      `${one.title}\n${one.script}`,
    );
  }
}

for (const target of TARGETS) {
  test(`gives linux the arguments that GRUB gives it, for every OEM file: ${target.name}`, () => {
    agrees(SAMPLE_GRUB_CFG, target);
  });

  test(
    `and so it does with Flatcar's main configuration: ${target.name}${
      flatcar === null ? " (skipped: the shared folder is not here)" : ""
    }`,
    { skip: flatcar === null },
    () => {
      if (flatcar !== null) agrees(flatcar, target);
    },
  );
}

test(
  `a sample of the OEM files agrees with the GRUB on this machine${
    emu === null ? " (skipped: no grub-emu)" : ""
  }`,
  { skip: emu === null },
  () => {
    if (emu === null) return;
    cases.forEach((one, index) => {
      const target = TARGETS[(index / 16) % 3];
      if (target === undefined) return;
      assert.equal(askGrub(emu, SAMPLE_GRUB_CFG, one, target), one.expected[target.name], one.title);
    });
  },
);
