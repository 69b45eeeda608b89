import process from "node:process";
import { run } from "./cli/run.ts";
import { processTerminal } from "./cli/terminal.ts";

/** How the program calls itself to run a plugin in a process of its own (plugin/process.ts). */
const PLUGIN_PROCESS = "__plugin";

if (process.argv[2] === PLUGIN_PROCESS) {
  void import("./plugin/child.ts").then(({ runPluginProcess }) => runPluginProcess());
} else {
  void run(process.argv.slice(2), processTerminal()).then((code) => {
    process.exitCode = code;
  });
}
