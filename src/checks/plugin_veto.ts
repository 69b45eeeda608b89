import { defineCheck } from "./check.ts";

/** Its findings come from the plugins themselves. */
export const pluginVeto = defineCheck({
  id: "plugin-veto",
  defaultLevel: "refuse",
  title: "a plugin objects",
  reads: "the plugins' answers",
  examine: () => null,
});
