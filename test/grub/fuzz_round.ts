/**
 * One round of the fuzzer: an input from a seed, and what must hold for any input.
 *
 * @module
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { emptyEnvironment, MISSING } from "../../src/grub/environment.ts";
import { evaluate } from "../../src/grub/evaluate.ts";
import { explainToken } from "../../src/grub/explain.ts";
import { seededRandom } from "../support/random.ts";
import { SAMPLE_GRUB_CFG } from "../support/sample_grub_cfg.ts";
import { generateScript, mutate, rawBytes } from "./generate.ts";

export interface FuzzInput {
  readonly kind: "sound" | "broken" | "endless" | "mutated" | "raw" | "oem" | "hostile";
  readonly bytes: Uint8Array;
  /** As the OEM file of a main configuration, rather than as the main configuration. */
  readonly asOem: boolean;
  readonly platform: "pc" | "efi" | "xen";
}

const HOSTILE: readonly ((size: number) => string)[] = [
  (size) => "{".repeat(size),
  (size) => "show " + "{a ".repeat(size),
  (size) => "if true; then\\n".repeat(size),
  (size) => '"'.repeat(size),
  (size) => "$a".repeat(size),
  (size) => `x="${"$x$x".repeat(size)}"\n`.repeat(20),
  (size) => `x=aaaaaaaaaa\n${'x="$x$x"\n'.repeat(size)}`,
  (size) => `${"a||\n".repeat(size)}`,
  (size) => "function f { f; f; }\nf\n" + "#".repeat(size),
  (size) => "while true; do a=x$a; done\n" + " ".repeat(size),
  (size) => "\\\n".repeat(size),
  (size) => "eval ".repeat(size),
  (size) => `eval "${"eval ".repeat(size)}"`,
  (size) =>
    `x="a b c d e f g h i j"\nfor a in ${"$x ".repeat(size)}; do for b in ${
      "$x ".repeat(size)
    }; do c=$a$b; done; done`,
  (size) => `[ ${'"(" ! '.repeat(size)} ]`,
  (size) => `[ ${"a -o ".repeat(size)} ]; [ ${"9".repeat(size)} -eq 1 ]`,
  (size) => `menuentry x { ${"a; ".repeat(size)}}\n`.repeat(10),
  (size) => `set x='${"a b ".repeat(size)}'\nlinux $x$x$x`,
  (size) => "source ($root)/x\nconfigfile ($oem)/grub.cfg\n".repeat(size),
  (size) => `submenu a { ${"submenu a { ".repeat(size)} b; ${"};".repeat(size)} }`,
  (size) => `default=${"0>".repeat(size)}0\nmenuentry a { true; }`,
  (size) => `fallback="${"0 ".repeat(size)}"\nmenuentry a { b=$b; }\nset timeout=1\n`,
];

export function fuzzInput(seed: number): FuzzInput {
  const random = seededRandom(seed ^ 0x5f3759df);
  const platform = random.pick<FuzzInput["platform"]>(["pc", "efi", "xen"]);
  const asOem = random.chance(0.5);
  const make = (kind: FuzzInput["kind"], script: string): FuzzInput => ({
    kind,
    bytes: Buffer.from(script, "latin1"),
    asOem,
    platform,
  });
  switch (seed % 8) {
    case 0:
      return make("sound", generateScript(seed, { mistakes: 0, endless: false }));
    case 1:
      return make("broken", generateScript(seed, { mistakes: 20, endless: false }));
    case 2:
      return make("endless", generateScript(seed, { mistakes: 3, endless: true }));
    case 3:
    case 4:
      return make("mutated", mutate(generateScript(seed, { mistakes: 3, endless: true }), seed));
    case 5:
      return { kind: "raw", bytes: rawBytes(seed), asOem, platform };
    case 6:
      return { ...make("oem", mutate(SAMPLE_GRUB_CFG, seed)), asOem: false };
    default:
      return make(
        "hostile",
        mutate(random.pick([HOSTILE[0] ?? String, ...HOSTILE])(random.int(1, 300)), seed),
      );
  }
}

/** @returns How the evaluation ended. */
export function fuzzRound(input: FuzzInput): string {
  const { bytes, asOem, platform } = input;
  const result = evaluate({
    main: { name: "grub.cfg", bytes: asOem ? Buffer.from(SAMPLE_GRUB_CFG) : bytes },
    platform,
    cpu: platform === "pc" ? "i386" : "x86_64",
    environment: emptyEnvironment({
      search: (kind) => kind === "part-label" ? { kind: "found", text: "hd0,gpt6" } : MISSING,
      file: (device, path) =>
        device === "hd0,gpt6" && path === "/grub.cfg"
          ? { kind: "file", bytes: () => asOem ? bytes : Buffer.from("set oem_id=x\n") }
          : { kind: "missing" },
      gptprioNext: () => ({ device: "hd0,gpt3", uuid: "7130c94a-213a-4e5a-8e26-6cce9662f132" }),
    }),
  });
  for (const diagnostic of result.diagnostics) {
    assert.ok(diagnostic.line >= 0 && diagnostic.message !== "", JSON.stringify(diagnostic));
    assert.ok(diagnostic.text.length <= 130, diagnostic.text);
  }
  if (result.bounded) assert.ok(result.diagnostics.some(({ level }) => level === "refuse"));
  if (result.end === "boot") assert.ok(result.linux !== null);
  assert.equal(
    result.errors,
    result.transcript.split("error: ").length - 1 - (result.output.split("error: ").length - 1),
  );
  for (const token of result.linux?.tokens ?? []) {
    assert.ok(
      token.spans.every((span) => span.assignments.every((index) => index < result.assignments.length)),
    );
  }
  const token = result.linux?.tokens.at(-1);
  if (token !== undefined) explainToken(result, token.text);
  // Plain data, whatever came in.
  JSON.stringify(result);
  return result.end;
}
