/**
 * A plan as people read it: the decision first, then what it rests on.
 *
 * @module
 */
import type { Finding, Level } from "../lib/finding.ts";
import { type Plan, type PlannedSlot, type PlannedToken, refusals } from "../plan/plan.ts";
import { renderDiagnostic } from "./render_diagnostic.ts";
import { type Paint, painter, printable, type Style, wrap } from "./terminal.ts";

export interface Layout {
  readonly color: boolean;
  readonly width: number;
}

/** @param isVerbose Whether what GRUB makes of its files, line by line, is shown as well. */
export function renderPlan(plan: Plan, layout: Layout, isVerbose = false): string {
  const paint = painter(layout.color);
  const sections = [
    decisionLine(plan, paint, layout.width),
    section("Slots", renderSlots(plan.slots, plan.slot, paint), paint),
    section("Kernel", renderKernel(plan, paint, layout.width), paint),
    section(
      `Command line${plan.cmdline === null ? "" : `, ${plan.cmdline.length} bytes`}`,
      renderTokens(plan.tokens, paint, layout.width),
      paint,
    ),
    section("Plugins", renderPlugins(plan, paint, layout.width), paint),
    section("Before the jump", renderQuiesce(plan, paint, layout.width), paint),
    section(
      "GRUB's files",
      isVerbose ? renderDiagnostics(plan, paint, layout.width) : diagnosticsHint(plan),
      paint,
    ),
    section("Findings", renderFindings(plan.findings, paint, layout.width), paint),
  ];
  return `${sections.filter((text) => text !== "").join("\n\n")}\n`;
}

/** The decision in one sentence, without its first word. */
export function decisionSentence(plan: Plan): string {
  if (plan.decision === "refuse") {
    return `take an ordinary reboot: ${refusals(plan).join(", ")}`;
  }
  const { slot, kernel } = plan;
  if (slot === null || kernel === null) return "into a slot that is not known";
  const version = kernel.version === null ? "a kernel without version" : `kernel ${kernel.version}`;
  return `into ${slot.label}${slot.running ? ", the running slot," : ""} with ${version}; ${
    triesSentence(slot)
  }`;
}

function triesSentence(slot: PlannedSlot): string {
  if (!slot.gptWrite) return "no try is spent";
  return slot.triesAfter === 0 ? "spends its last try" : `spends one of ${slot.tries} tries`;
}

export function decisionLine(plan: Plan, paint: Paint, width: number): string {
  const [label, style]: readonly [string, Style] = plan.decision === "kexec"
    ? ["KEXEC", "green"]
    : ["REFUSED", "red"];
  const text = wrap(`${label} ${printable(decisionSentence(plan))}`, width, " ".repeat(label.length + 1));
  return paint("bold", paint(style, label)) + text.slice(label.length);
}

function section(title: string, body: string, paint: Paint): string {
  return body === "" ? "" : `${paint("bold", title)}\n${body}`;
}

/** @param note What is said of the slot that is chosen. */
export function renderSlots(
  slots: readonly PlannedSlot[],
  next: PlannedSlot | null,
  paint: Paint,
  note = "next",
): string {
  if (slots.length === 0) return "";
  const header = ["", "slot", "part", "priority", "tries", "good", ""];
  const rows = slots.map((slot) => {
    const chosen = next?.partition === slot.partition;
    const notes = [...(slot.running ? ["running"] : []), ...(chosen ? [note] : [])];
    return [
      chosen ? ">" : " ",
      slot.label === "" ? "(unnamed)" : printable(slot.label),
      String(slot.partition),
      String(slot.priority),
      chosen && slot.gptWrite ? `${slot.tries} -> ${slot.triesAfter}` : String(slot.tries),
      slot.successful ? "yes" : "no",
      notes.join(", "),
    ];
  });
  const widths = header.map((cell, column) =>
    Math.max(cell.length, ...rows.map((row) => (row[column] ?? "").length))
  );
  const line = (row: readonly string[]): string =>
    `  ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ").trimEnd()}`;
  return [
    paint("dim", line(header)),
    ...rows.map((row) => row[0] === ">" ? paint("cyan", line(row)) : line(row)),
  ]
    .join("\n");
}

function renderSize(bytes: number): string {
  return bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

function renderKernel(plan: Plan, paint: Paint, width: number): string {
  const kernel = plan.kernel;
  if (kernel === null) return "";
  const rows: (readonly [string, string])[] = [
    ["file", `${printable(kernel.file)} (${kernel.format}, ${renderSize(kernel.size)})`],
    ["version", kernel.version === null ? "none in the image" : printable(kernel.version)],
    ["usrhash", kernel.usrhash ?? "none in the image"],
    ...plan.initrds.map((path) => ["initrd", printable(path)] as const),
    ...(plan.deviceTree === null ? [] : [["device tree", printable(plan.deviceTree)] as const]),
    [
      "grub",
      `${plan.grub.platform}/${plan.grub.cpu}, entry ${plan.grub.entry ?? "none"}${
        plan.firstBoot ? ", first boot" : ""
      }`,
    ],
  ];
  const label = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, value]) =>
    `  ${paint("dim", name.padEnd(label))}  ${
      wrap(value, width - label - 4).replaceAll("\n", `\n${" ".repeat(label + 4)}`)
    }`
  ).join("\n");
}

/** Widest line in which origins still stand in a column of their own. */
const ORIGIN_COLUMNS = 100;

/** Tokens and where each comes from; origins are aligned where that leaves room for both. */
function renderTokens(tokens: readonly PlannedToken[], paint: Paint, width: number): string {
  const shown = tokens.map((token) => ({ text: printable(token.text), origin: printable(token.origin) }));
  const room = Math.min(width, ORIGIN_COLUMNS);
  const widestOrigin = Math.max(0, ...shown.map((token) => token.origin.length));
  const column = Math.max(
    0,
    ...shown.map((token) => token.text.length).filter((length) => length + widestOrigin + 4 <= room),
  );
  return shown.map(({ text, origin }) => {
    if (text.length <= column) return `  ${text.padEnd(column)}  ${paint("dim", origin)}`;
    return `  ${text}\n  ${" ".repeat(column)}  ${paint("dim", origin)}`;
  }).join("\n");
}

function renderPlugins(plan: Plan, paint: Paint, width: number): string {
  return plan.plugins.map((plugin) => {
    const head = `  ${printable(plugin.name)} ${paint("dim", `(${printable(plugin.source)})`)}`;
    const edits = plugin.edits.map((edit) => {
      const change = edit.text === null
        ? edit.target
        : edit.kind === "replace"
        ? `${edit.target} -> ${edit.text}`
        : edit.text;
      return `${edit.kind} ${change}: ${edit.reason}${edit.applied ? "" : " (not applied)"}${
        edit.conflict === null ? "" : `; ${edit.conflict}`
      }`;
    });
    const others = [
      ...(plugin.deviceTree === null ? [] : [`device tree ${plugin.deviceTree}`]),
      ...plugin.initrd.map((path) => `initrd ${path}`),
    ];
    const lines = [...edits, ...others].map((sentence) =>
      `    ${wrap(printable(sentence), width - 4, "  ").replaceAll("\n", "\n    ")}`
    );
    return [head, ...lines].join("\n");
  }).join("\n");
}

function renderQuiesce(plan: Plan, paint: Paint, width: number): string {
  return plan.quiesce.map(({ plugin, summary, reason, onFailure, timeLimit }) => {
    const sentence = `${summary}: ${reason} (${timeLimit} s; if it fails: ${
      onFailure === "refuse" ? "ordinary reboot" : "go on"
    })`;
    return `  ${paint("dim", printable(plugin))} ${
      wrap(printable(sentence), width - plugin.length - 3, "    ")
    }`;
  }).join("\n");
}

function renderDiagnostics(plan: Plan, paint: Paint, width: number): string {
  return plan.grub.diagnostics.map((diagnostic) => indent(renderDiagnostic(diagnostic, paint, width - 2), 2))
    .join("\n");
}

/** That there is something to say about the files, for the reader who did not ask. */
function diagnosticsHint(plan: Plan): string {
  const serious = plan.grub.diagnostics.filter((diagnostic) => diagnostic.level !== "info");
  if (serious.length === 0) return "";
  const places = [...new Set(serious.map(({ file, line }) => `${file}:${line}`))].join(", ");
  return `  GRUB does not do what was probably meant at ${printable(places)}: see plan --verbose`;
}

export const LEVEL_STYLE: Readonly<Record<Level, Style>> = { refuse: "red", warn: "yellow", info: "cyan" };

export function renderFindings(findings: readonly Finding[], paint: Paint, width: number): string {
  return findings.map((finding) => {
    const head = `  ${paint(LEVEL_STYLE[finding.level], finding.level.padEnd(6))}  ${
      paint("bold", finding.id)
    }${finding.origin === null ? "" : `  ${paint("dim", printable(finding.origin))}`}`;
    const body = indent(wrap(printable(finding.message), width - 10), 10);
    const hint = finding.hint === null
      ? ""
      : `\n${indent(wrap(`hint: ${printable(finding.hint)}`, width - 10, "      "), 10)}`;
    return `${head}\n${body}${hint}`;
  }).join("\n");
}

function indent(text: string, columns: number): string {
  const space = " ".repeat(columns);
  return text.split("\n").map((line) => space + line).join("\n");
}
