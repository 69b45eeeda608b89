/**
 * Writes src/plugin/api_types.ts, the public types of the plugin interface as text, from the sources.
 *
 *     deno run -A tasks/plugin_types.ts
 *
 * @module
 */
import { readFileSync, writeFileSync } from "node:fs";

const SOURCES = ["host/facts.ts", "plugin/draft.ts", "plugin/api.ts"];
const TARGET = new URL("../src/plugin/api_types.ts", import.meta.url);

/** All types in one file that needs no other. */
export function pluginTypes(): string {
  const bodies = SOURCES.map((path) => readFileSync(new URL(`../src/${path}`, import.meta.url), "utf8")).map(
    body,
  );
  return `// The plugin interface of flatcar-kexec, version 1: docs/plugins.md tells how it is used.
// Types alone: import them with \`import type\`, and nothing of this file is needed at run time.

export type Arch = "x86_64" | "aarch64";
export type CheckId = string;

${bodies.join("\n\n")}
`;
}

/** Without what only the repository needs: imports, exports from elsewhere, and the comment on top. */
function body(text: string): string {
  return text.replace(/^\/\*\*[\s\S]*?\*\/\n/, "").split("\n")
    .filter((line) => !/^import type /.test(line) && !/^export type \{/.test(line)).join("\n").trim();
}

function moduleOf(types: string): string {
  const quoted = types.replaceAll("\\", "\\\\").replaceAll("`", "\\`").replaceAll("${", "\\${");
  return `/**
 * The public types of the plugin interface as text, for \`plugin new\`: a vendor's editor finds them beside the plugin.
 *
 * A test compares this with the sources. If it fails, the interface has changed: an optional field more, or a new
 * hook, is fine; anything else needs a new API_VERSION. Then run: deno run -A tasks/plugin_types.ts
 *
 * @module
 */
export const API_TYPES: string = \`${quoted}\`;
`;
}

if (import.meta.main) writeFileSync(TARGET, moduleOf(pluginTypes()));
