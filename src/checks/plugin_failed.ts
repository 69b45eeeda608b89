import { defineCheck } from "./check.ts";

/** Its findings come from the plugin runner. */
export const pluginFailed = defineCheck({
  id: "plugin-failed",
  defaultLevel: "refuse",
  title: "a plugin failed",
  reads: "the plugins' answers",
  examine: () => null,
});
