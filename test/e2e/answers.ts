/**
 * What the program answered in JSON, read without its own types: only what the tests rely on is asked for.
 *
 * @module
 */
import * as v from "valibot";

const SlotSchema = v.object({
  label: v.string(),
  partition: v.number(),
  priority: v.number(),
  tries: v.number(),
  successful: v.boolean(),
  triesAfter: v.number(),
  gptWrite: v.boolean(),
  running: v.boolean(),
});

const PlanSchema = v.object({
  version: v.literal(1),
  decision: v.picklist(["kexec", "refuse"]),
  slot: v.nullable(SlotSchema),
  cmdline: v.nullable(v.string()),
  deviceTree: v.nullable(v.string()),
  findings: v.array(v.object({ id: v.string(), level: v.string(), message: v.string() })),
});

export type AnsweredPlan = v.InferOutput<typeof PlanSchema>;

/** `plan --json`. */
export function planOf(text: string): AnsweredPlan {
  return v.parse(PlanSchema, JSON.parse(text));
}

/** The plan in what `load --json` answers. */
export function loadedPlanOf(text: string): AnsweredPlan {
  return v.parse(v.object({ loaded: v.literal(true), plan: PlanSchema }), JSON.parse(text)).plan;
}

/** Ids of the findings that refuse. */
export function refusing(plan: AnsweredPlan): readonly string[] {
  return plan.findings.filter((finding) => finding.level === "refuse").map((finding) => finding.id);
}
