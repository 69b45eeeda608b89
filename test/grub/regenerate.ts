/**
 * Asks real GRUB about every case of the corpus and compares: `deno task grub:oracle`. With `--write` the
 * answers are kept, and new seeds of generated cases may be added with `--generate COUNT`.
 *
 * Needs grub-emu (Debian and Ubuntu: `apt-get install --no-install-recommends grub-emu`), or GRUB_EMU=PATH.
 *
 * @module
 */
import { writeFileSync } from "node:fs";
import { type CorpusCase, formatCorpus, modeOf, readCorpus, scriptBytes } from "./corpus.ts";
import { findGrubEmu, runInGrub } from "./grub_emu.ts";
import { runOurs } from "./ours.ts";

const write = process.argv.includes("--write");
const emu = findGrubEmu();
if (emu === null) {
  console.error(
    "Cannot ask GRUB: grub-emu is not installed (apt-get install --no-install-recommends grub-emu)",
  );
  process.exit(1);
}

let cases = 0;
let changed = 0;
let different = 0;
for (const file of readCorpus()) {
  const mode = modeOf(file.theme);
  const answers = file.cases.map((one): CorpusCase => {
    cases++;
    const bytes = scriptBytes(one);
    const expected = runInGrub(emu, bytes, mode);
    if (
      one.expected === null || one.expected.text !== expected.text || one.expected.ended !== expected.ended
    ) {
      changed++;
      if (one.expected !== null) {
        console.log(`${file.theme}: ${one.name}: GRUB now shows\n${expected.text}`);
      }
    }
    const { shown } = runOurs(bytes, mode);
    if (shown.text !== expected.text || shown.ended !== expected.ended) {
      different++;
      console.log(
        `${file.theme}: ${one.name}: differs\n${one.script}--- GRUB ${expected.ended}\n${expected.text}` +
          `--- ours ${shown.ended}\n${shown.text}`,
      );
    }
    return { ...one, expected };
  });
  if (write) writeFileSync(file.path, formatCorpus(answers));
}
console.log(`${cases} cases, ${changed} not as kept, ${different} where the interpreter differs from GRUB`);
process.exitCode = different > 0 || (changed > 0 && !write) ? 1 : 0;
