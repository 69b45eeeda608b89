import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { EXAMPLE } from "../../bench/maintenance_window/inputs.ts";
import { firmwareWindow, kexecWindow } from "../../bench/maintenance_window/model.ts";
import { renderPlot, renderTable } from "../../bench/maintenance_window/plot.ts";
import { CONFIG_FOLDERS, loadConfig } from "../../src/config/load.ts";
import { DEFAULT_CONFIG } from "../../src/config/config.ts";
import { MESSAGE_IDS } from "../../src/journal/journal_entry.ts";
import { renderMetrics } from "../../src/journal/metrics.ts";
import { EMPTY_STATE, type State } from "../../src/journal/state.ts";
import { memoryHost } from "../support/memory_host.ts";

const page = (name: string): string => readFileSync(new URL(`../../docs/${name}`, import.meta.url), "utf8");

/** Cells of all tables, without the padding that the formatter adds. */
const rows = (text: string): readonly string[] =>
  text.split("\n").filter((line) => line.startsWith("|"))
    .map((line) => line.split("|").map((cell) => cell.trim().replace(/^-+$/, "---")).join("|"));

test("the settings that docs/configuration.md shows are the defaults, all of them", async () => {
  const block = /```toml\n([\s\S]*?)```/.exec(page("configuration.md"))?.[1] ?? "";
  const path = "/etc/flatcar-kexec/config.toml";
  const { config, origins } = await loadConfig(memoryHost({ files: { [path]: block } }));
  const { checks, plugins, ...rest } = config;
  const { options, ...pluginSettings } = plugins;
  assert.deepEqual(checks, { "platform-gce": "warn" });
  assert.deepEqual(options, { "equinix-metal": {} });
  const { checks: _, plugins: { options: __, ...defaultPlugins }, ...defaults } = DEFAULT_CONFIG;
  assert.deepEqual(rest, defaults);
  assert.deepEqual(pluginSettings, defaultPlugins);
  const shown = Object.keys(origins).filter((key) => !key.startsWith("checks.")).length;
  const count = (value: unknown): number =>
    typeof value === "object" && value !== null && !Array.isArray(value)
      ? Object.values(value).reduce<number>((sum, inner) => sum + count(inner), 0)
      : 1;
  assert.equal(shown, count(defaults) + count(defaultPlugins));
  for (const folder of CONFIG_FOLDERS) assert.ok(page("configuration.md").includes(`\`${folder}\``), folder);
});

test("docs/systemd.md lists every message id and every metric", () => {
  const text = page("systemd.md");
  for (const id of Object.values(MESSAGE_IDS)) assert.ok(text.includes(`\`${id}\``), id);
  const state: State = {
    ...EMPTY_STATE,
    firmware: { seconds: 1, bootId: "b", at: "2026-11-23T10:00:00.000Z" },
    lastBoot: {
      bootId: "b",
      verdict: "arrived",
      attempt: null,
      sentence: "",
      at: "2026-11-23T10:00:00.000Z",
      seconds: 1,
      savedSeconds: 1,
    },
  };
  const names = new Set([...renderMetrics(state).matchAll(/^# TYPE (\w+)/gm)].map((match) => match[1] ?? ""));
  assert.equal(names.size, 7);
  for (const name of names) assert.ok(text.includes(name), name);
});

test("every file of integrations/ is linked from docs/fleet.md, and every link leads somewhere", () => {
  const text = page("fleet.md");
  const links = new Set([...text.matchAll(/\.\.\/integrations\/([\w.-]+)/g)].map((match) => match[1] ?? ""));
  const files = readdirSync(new URL("../../integrations", import.meta.url));
  assert.deepEqual([...links].sort(), files.sort());
});

test("the table and the plot of docs/fleet.md are the model's", () => {
  const table = page("fleet.md").split("<!-- window table")[1] ?? "";
  assert.deepEqual(rows(table), rows(renderTable(EXAMPLE)));
  assert.equal(page("maintenance-window.svg"), renderPlot(EXAMPLE));
});

test("one host at a time without failures takes the sum of its parts", () => {
  const fleet = { ...EXAMPLE, hosts: 3, concurrency: 1, refused: 0, failed: 0, maxConsecutive: 0 };
  const one = fleet.drain + fleet.shutdown + fleet.boot;
  assert.deepEqual(kexecWindow(fleet), { seconds: 3 * one + 2 * fleet.settle, awaySeconds: 3 * one });
  assert.equal(firmwareWindow(fleet).awaySeconds, 3 * (one + fleet.firmware));
});

test("where every kexec is refused, the window is the firmware's", () => {
  const fleet = { ...EXAMPLE, refused: 1 };
  assert.deepEqual(kexecWindow(fleet), firmwareWindow(fleet));
});

test("a kexec that fails costs more than a boot through the firmware", () => {
  const fleet = { ...EXAMPLE, hosts: 1, failed: 1, refused: 0, maxConsecutive: 0 };
  assert.ok(kexecWindow(fleet).seconds > firmwareWindow(fleet).seconds);
});
