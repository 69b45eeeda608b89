/** Short ways to run GRUB scripts in tests. */
import { Buffer } from "node:buffer";
import { emptyEnvironment, type GrubEnvironment, MISSING } from "../../src/grub/environment.ts";
import { checkScript, evaluate, type EvaluateInput, runScript } from "../../src/grub/evaluate.ts";
import type { GrubResult } from "../../src/grub/result.ts";
import { SAMPLE_GRUB_CFG } from "../support/sample_grub_cfg.ts";

export const USR_B = "e03dd35c-7c2d-4a47-b3fe-27f15780a57c";

type Options = Partial<Omit<EvaluateInput, "main">>;

function bytesOf(content: string | Uint8Array): Uint8Array {
  return typeof content === "string" ? Buffer.from(content) : content;
}

export function run(script: string | Uint8Array, options: Options = {}): GrubResult {
  return runScript({ name: "x.cfg", bytes: bytesOf(script) }, {
    platform: "efi",
    cpu: "x86_64",
    ...options,
  });
}

export function check(script: string, options: Options = {}): GrubResult {
  return checkScript({ name: "oem/grub.cfg", bytes: Buffer.from(script) }, {
    platform: "efi",
    cpu: "x86_64",
    ...options,
  });
}

/** A disk with an OEM file and slot B next. */
export function machine(
  oem: string | Uint8Array | null,
  overrides: Partial<GrubEnvironment> = {},
): GrubEnvironment {
  return emptyEnvironment({
    search: (kind, value) =>
      kind === "part-label" && value === "OEM" && oem !== null
        ? { kind: "found", text: "hd0,gpt6" }
        : MISSING,
    file: (device, path) =>
      device === "hd0,gpt6" && path === "/grub.cfg" && oem !== null
        ? { kind: "file", bytes: () => bytesOf(oem) }
        : { kind: "missing" },
    gptprioNext: () => ({ device: "hd0,gpt4", uuid: USR_B }),
    shortName: (device, path) => device === "hd0,gpt6" ? `oem${path}` : `boot${path}`,
    ...overrides,
  });
}

/** The sample configuration, or another, with an OEM file. */
export function boot(
  oem: string | Uint8Array | null,
  options: Options & { readonly main?: string } = {},
): GrubResult {
  const { main = SAMPLE_GRUB_CFG, ...rest } = options;
  return evaluate({
    main: { name: "grub.cfg", bytes: Buffer.from(main) },
    platform: "efi",
    cpu: "x86_64",
    environment: machine(oem),
    ...rest,
  });
}

/** `id:line` of each diagnostic, in order. */
export function complaints(result: GrubResult): readonly string[] {
  return result.diagnostics.map(({ id, line }) => `${id}:${line}`);
}

/** Arguments of `linux`, as GRUB joins them. */
export function args(result: GrubResult): string {
  return result.linux?.tokens.map(({ text }) => text).join(" ") ?? "";
}
