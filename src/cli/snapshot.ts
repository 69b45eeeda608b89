import { writeFileSync } from "node:fs";
import { fromSystemError } from "../host/system_failure.ts";
import { recordHost } from "../host/record.ts";
import { encodeSnapshot } from "../host/snapshot.ts";
import { EXIT, KexecError } from "../lib/errors.ts";
import { command } from "./command.ts";
import { OUTPUT_ARGS, PLAN_ARGS } from "./host_options.ts";
import { loadedOn, openAnyHost, planHost } from "./plan_host.ts";

export const snapshot = command({
  name: "snapshot",
  description: "Record what a plan reads of this host, for 'plan --snapshot' anywhere",
  args: {
    ...PLAN_ARGS,
    output: {
      type: "string",
      alias: "o",
      description: "where to; default: standard output",
      valueHint: "FILE",
    },
    "with-secrets": { type: "boolean", description: "keep values that look like passwords, keys and tokens" },
    ...OUTPUT_ARGS,
  },
  async run({ args, all, terminal }) {
    const recorder = recordHost(await openAnyHost(args));
    const { planning } = await planHost(recorder.host, args, all("allow"), loadedOn(recorder.host));
    const text = encodeSnapshot(recorder.snapshot(args["with-secrets"] !== true));
    if (args.output === undefined) {
      terminal.out(text);
      return EXIT.done;
    }
    try {
      // Not for everyone to read: a host's configuration is its own business.
      writeFileSync(args.output, text, { mode: 0o600 });
    } catch (error) {
      throw new KexecError(
        "write-failed",
        `Cannot write the snapshot: ${fromSystemError(args.output, error).failure.message}`,
        {
          cause: error,
        },
      );
    }
    if (args.quiet !== true) {
      terminal.err(
        `Recorded ${
          Math.ceil(text.length / 1024)
        } KiB into ${args.output}; the plan on this host: ${planning.plan.decision}\n`,
      );
    }
    return EXIT.done;
  },
});
