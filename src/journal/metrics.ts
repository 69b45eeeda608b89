/**
 * Metrics for node-exporter's textfile collector, in the Prometheus text format.
 *
 * @module
 */
import { statSync } from "node:fs";
import { dirname } from "node:path";
import { replaceFile } from "./atomic_file.ts";
import { VERDICTS } from "./attempt.ts";
import type { State } from "./state.ts";

interface Metric {
  readonly name: string;
  readonly type: "gauge" | "counter";
  readonly help: string;
  readonly samples: readonly { readonly labels?: Readonly<Record<string, string>>; readonly value: number }[];
}

export function renderMetrics(state: State): string {
  const boot = state.lastBoot;
  const metrics: readonly Metric[] = [
    {
      name: "flatcar_kexec_boots_total",
      type: "counter",
      help: "Boots by how they came about.",
      samples: VERDICTS.map((verdict) => ({ labels: { verdict }, value: state.totals[verdict] })),
    },
    {
      name: "flatcar_kexec_saved_seconds_total",
      type: "counter",
      help: "Seconds of firmware and boot loader time that kexecs did without.",
      samples: [{ value: state.totals.savedSeconds }],
    },
    {
      name: "flatcar_kexec_last_boot_info",
      type: "gauge",
      help: "How the last confirmed boot came about.",
      samples: boot === null ? [] : [{ labels: { verdict: boot.verdict, boot_id: boot.bootId }, value: 1 }],
    },
    {
      name: "flatcar_kexec_last_boot_seconds",
      type: "gauge",
      help: "Seconds from the end of the shutdown to user space, where a kexec was tried.",
      samples: boot === null || boot.seconds === null ? [] : [{ value: boot.seconds }],
    },
    {
      name: "flatcar_kexec_firmware_seconds",
      type: "gauge",
      help: "Seconds that firmware and boot loader took the last time they ran.",
      samples: state.firmware === null ? [] : [{ value: state.firmware.seconds }],
    },
    {
      name: "flatcar_kexec_consecutive",
      type: "gauge",
      help: "Kexecs in a row that led to the running system.",
      samples: [{ value: state.consecutive }],
    },
    {
      name: "flatcar_kexec_quarantined",
      type: "gauge",
      help: "Kernels that are not to be started by kexec, since one did not arrive.",
      samples: [{ value: state.quarantined.length }],
    },
  ];
  return metrics.filter((metric) => metric.samples.length > 0).map(renderMetric).join("");
}

/** Write the metrics where a collector looks for them. False if its folder is not there, or none is wanted. */
export function writeMetrics(path: string, state: State): boolean {
  if (path === "" || !isFolder(dirname(path))) return false;
  // The temporary name does not end in .prom, so the collector passes over it.
  replaceFile(path, renderMetrics(state));
  return true;
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

function renderMetric({ name, type, help, samples }: Metric): string {
  const lines = samples.map(({ labels, value }) => {
    const pairs = Object.entries(labels ?? {}).map(([key, text]) => `${key}="${escapeLabel(text)}"`);
    return `${name}${pairs.length === 0 ? "" : `{${pairs.join(",")}}`} ${value}`;
  });
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...lines, ""].join("\n");
}

function escapeLabel(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}
