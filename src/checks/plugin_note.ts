import { defineCheck } from "./check.ts";

/** Its findings come from the plugins themselves, at the level that each gives. */
export const pluginNote = defineCheck({
  id: "plugin-note",
  defaultLevel: "warn",
  title: "a plugin has something to say",
  reads: "the plugins' answers",
  examine: () => null,
});
