/**
 * What evaluating a main configuration with an OEM file costs once the code is warm, side by side with what it
 * is compared with: real GRUB (grub-emu, a process of its own) doing the same, and `sh -c true`, the least that
 * any process costs. Medians over interleaved runs. Also: hostile scripts of one mebibyte, to their bounds.
 *
 * Run by `deno task bench grub [RUNS]`.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { spawnSync } from "node:child_process";
import process from "node:process";
import { evaluate, runScript } from "../src/grub/evaluate.ts";
import { findGrubEmu } from "../test/grub/grub_emu.ts";
import {
  askGrub,
  evaluateOem,
  flatcarMainConfiguration,
  type OemCase,
  TARGETS,
} from "../test/grub/oem_corpus.ts";
import { machine } from "../test/grub/script.ts";
import { SAMPLE_GRUB_CFG } from "../test/support/sample_grub_cfg.ts";

const LIMIT_MS = 3;
const runs = Number(process.argv[2] ?? 200);
const main = flatcarMainConfiguration() ?? SAMPLE_GRUB_CFG;
const [, efi] = TARGETS;
if (efi === undefined) throw new Error("Cannot measure: there is no target");

const OEM: OemCase = {
  title: "bench",
  expected: {},
  script: `set oem_id="acme"
set linux_append="net.ifnames=0 nvme_core.io_timeout=4294967295"
if [ "$grub_cpu" = arm64 ]; then
  set linux_console="console=tty1 console=ttyAMA0,115200n8"
else
  set linux_console="console=tty1 console=ttyS0,115200n8"
fi
set linux_append="$linux_append systemd.log_level=debug"
`,
};

function timed(action: () => unknown): number {
  const started = performance.now();
  action();
  return performance.now() - started;
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

const emu = findGrubEmu();
const cold = timed(() => evaluateOem(main, OEM, efi));
for (let run = 0; run < 300; run++) evaluateOem(main, OEM, efi);
const ours: number[] = [];
const grub: number[] = [];
const shell: number[] = [];
for (let run = 0; run < runs; run++) {
  ours.push(timed(() => evaluateOem(main, OEM, efi)));
  if (run % 10 !== 0) continue;
  shell.push(timed(() => spawnSync("/bin/sh", ["-c", "true"])));
  if (emu !== null) grub.push(timed(() => askGrub(emu, main, OEM, efi)));
}
const warm = median(ours);
const lines = main.split("\n").length + OEM.script.split("\n").length;
console.log(
  `${main === SAMPLE_GRUB_CFG ? "the sample" : "Flatcar's"} configuration with an OEM file, ${lines} lines`,
);
console.log(`  first time          ${cold.toFixed(2).padStart(8)} ms`);
console.log(`  warm                ${warm.toFixed(3).padStart(8)} ms`);
console.log(
  `  sh -c true          ${median(shell).toFixed(2).padStart(8)} ms   ${
    (median(shell) / warm).toFixed(1)
  } times as long`,
);
if (emu === null) console.log("  grub-emu            not installed");
else {console.log(
    `  grub-emu            ${median(grub).toFixed(2).padStart(8)} ms   ${
      (median(grub) / warm).toFixed(0)
    } times as long`,
  );}

console.log("hostile scripts of 1 MiB");
const size = 1_048_576;
for (const piece of ["||\n", '"', "a;", "x=$x$x\n", "if true; then\n", "while true; do true; done\n", "\n"]) {
  const bytes = Buffer.from(piece.repeat(Math.floor(size / piece.length)));
  let end = "";
  const ms = timed(() => {
    end = runScript({ name: "hostile.cfg", bytes }, { platform: "pc", cpu: "i386" }).end;
  });
  console.log(`  ${JSON.stringify(piece).padEnd(30)} ${ms.toFixed(0).padStart(6)} ms  ${end}`);
}
const oemBomb = evaluate({
  main: { name: "grub.cfg", bytes: Buffer.from(main) },
  platform: "efi",
  cpu: "x86_64",
  environment: machine('x=aaaaaaaa\nwhile [ a ]; do x="$x$x"; done\n'),
});
console.log(`  an OEM file that doubles a value for ever: ${oemBomb.end}`);
if (warm > LIMIT_MS) {
  console.error(`Too slow: ${warm.toFixed(2)} ms warm, expected less than ${LIMIT_MS} ms`);
  process.exitCode = 1;
}
