import type { GrubDiagnostic } from "../grub/result.ts";
import { type Paint, printable, type Style, wrap } from "./terminal.ts";

const LEVEL_STYLE: Readonly<Record<GrubDiagnostic["level"], Style>> = {
  refuse: "red",
  warn: "yellow",
  info: "cyan",
};

/** What GRUB does wrong with a line, as compilers tell it: place, level, id; the text; what happens; a hint. */
export function renderDiagnostic(diagnostic: GrubDiagnostic, paint: Paint, width: number): string {
  const { file, line, level, id, text, message, hint } = diagnostic;
  const lines = [
    `${printable(file)}:${line}: ${paint(LEVEL_STYLE[level], level)}: ${paint("bold", id)}`,
    ...(text === "" ? [] : [`    ${paint("dim", printable(text))}`]),
    `  ${wrap(printable(message), width - 2, "  ")}`,
    ...(hint === null ? [] : [`  ${wrap(`hint: ${printable(hint)}`, width - 2, "  ")}`]),
  ];
  return lines.join("\n");
}
