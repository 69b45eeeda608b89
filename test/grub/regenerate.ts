/**
 * Asks real GRUB about every case of the corpus and every OEM file, and compares: `deno task grub:oracle`.
 *
 *     --write            keeps the answers
 *     --generate COUNT   adds that many scripts made by chance first
 *
 * Needs grub-emu (Debian and Ubuntu: `apt-get install --no-install-recommends grub-emu`); GRUB_EMU=PATH and
 * GRUB_EMU_LIBRARIES=FOLDER name another one. Takes about a minute.
 *
 * @module
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { SAMPLE_GRUB_CFG } from "../support/sample_grub_cfg.ts";
import { type CorpusCase, formatCorpus, modeOf, parseCorpus, readCorpus, scriptBytes } from "./corpus.ts";
import { generateScript } from "./generate.ts";
import { findGrubEmu, runInGrub } from "./grub_emu.ts";
import {
  askGrub,
  evaluateOem,
  flatcarMainConfiguration,
  type OemCase,
  readOemCases,
  shownBy,
  TARGETS,
  writeOemCases,
} from "./oem_corpus.ts";
import { runOurs } from "./ours.ts";

const write = process.argv.includes("--write");
const found = findGrubEmu();
if (found === null) {
  console.error(
    "Cannot ask GRUB: grub-emu is not installed (apt-get install --no-install-recommends grub-emu)",
  );
  process.exit(1);
}
const emu: string = found;

let cases = 0;
let changed = 0;
let different = 0;

/** Scripts that are not too long, from seeds that are not in use. */
function generate(count: number): void {
  const path = new URL("./corpus/generated.txt", import.meta.url).pathname;
  const kept = existsSync(path) ? [...parseCorpus(readFileSync(path, "utf-8"))] : [];
  let seed = kept.length === 0 ? 1 : Number(kept.at(-1)?.name.split(" ")[1]) + 1;
  for (const end = kept.length + count; kept.length < end; seed++) {
    const mistakes = seed % 3 === 0 ? 0 : 10;
    const script = generateScript(seed, { mistakes, endless: false });
    const { shown, result } = runOurs(Buffer.from(script, "latin1"), "source");
    const fits = script.length < 900 && script.endsWith("\n") && !/^(?:===|---) /m.test(script) &&
      !result.bounded && shown.text.length < 2000 && !shown.text.split("\n").some((line) =>
        line.length > 200
      );
    if (!fits) continue;
    kept.push({
      name: `seed ${seed} with ${mistakes} % mistakes`,
      escaped: false,
      script,
      expected: null,
    });
  }
  writeFileSync(path, formatCorpus(kept));
}

const generateAt = process.argv.indexOf("--generate");
if (generateAt > 0) generate(Number(process.argv[generateAt + 1]));

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
      if (one.expected !== null) console.log(`${file.theme}: ${one.name}: GRUB now shows\n${expected.text}`);
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

const flatcar = flatcarMainConfiguration();
if (flatcar === null) {
  console.log("Flatcar's own main configuration is not at hand: only our own is compared");
}
const oemCases = readOemCases().map((one): OemCase => {
  const expected: Record<string, string> = {};
  for (const target of TARGETS) {
    const answers = [SAMPLE_GRUB_CFG, ...(flatcar === null ? [] : [flatcar])].map((main) => {
      cases++;
      const shown = askGrub(emu, main, one, target);
      const ours = shownBy(evaluateOem(main, one, target));
      if (ours !== shown) {
        different++;
        console.log(`OEM file: ${one.title} on ${target.name}: differs\n--- GRUB\n${shown}--- ours\n${ours}`);
      }
      return shown;
    });
    const [answer = "", again = answer] = answers;
    if (again !== answer) {
      different++;
      console.log(
        `OEM file: ${one.title} on ${target.name}: Flatcar's configuration gives\n${again}, ours\n${answer}`,
      );
    }
    expected[target.name] = answer;
    if (one.expected[target.name] !== answer) changed++;
  }
  return { ...one, expected };
});
if (write) writeOemCases(oemCases);

console.log(`${cases} cases, ${changed} not as kept, ${different} where the interpreter differs from GRUB`);
process.exitCode = different > 0 || (changed > 0 && !write) ? 1 : 0;
