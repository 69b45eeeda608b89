/**
 * Recorded hosts and their golden plans: each of hosts.ts is made as files, planned and recorded, credentials
 * masked. As a script it writes `NAME.host.json` and `NAME.plan.json` beside itself; to be run again, and the
 * difference to be read, when a plan is meant to change or reads more of a host than before.
 *
 *     bun run test/plan/recorded/record.ts
 *
 * @module
 */
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { loadConfig } from "../../../src/config/load.ts";
import type { FileStatus, Host, Observed } from "../../../src/host/host.ts";
import { createHost } from "../../../src/host/live.ts";
import { recordHost } from "../../../src/host/record.ts";
import { replayHost } from "../../../src/host/replay.ts";
import { encodeSnapshot, type HostSnapshot } from "../../../src/host/snapshot.ts";
import { makePlan } from "../../../src/plan/make_plan.ts";
import type { Plan } from "../../../src/plan/plan.ts";
import { type SampleHostOptions, writeSampleHost } from "../../support/sample_host.ts";
import { withTempFolderAsync } from "../../support/temp_folder.ts";
import { HOST_NAMES, HOSTS } from "./hosts.ts";

export interface Recording {
  /** What was planned on the host itself, nothing masked. */
  readonly plan: Plan;
  /** Masked. */
  readonly snapshot: HostSnapshot;
}

/** The plan of a host without a history, by the configuration that lies on it. */
export async function planOf(host: Host): Promise<Plan> {
  const { config } = await loadConfig(host);
  return makePlan(host, {
    config,
    allow: [],
    history: { consecutive: 0, quarantined: [] },
  }).plan;
}

export function record(options: SampleHostOptions): Promise<Recording> {
  return withTempFolderAsync(async (folder) => {
    const sample = writeSampleHost(folder, options);
    const recorder = recordHost(ofRoot(createHost({ root: sample.root, arch: sample.arch })));
    const plan = await planOf(recorder.host);
    return { plan, snapshot: recorder.snapshot(true) };
  });
}

/** The text of a golden plan, a field a line. */
export function encodePlan(plan: Plan): string {
  return `${JSON.stringify(plan, null, 2)}\n`;
}

/** Where a host's recording (`host`) or its golden plan lies. */
export function pathOf(name: string, kind: "host" | "plan"): string {
  return fileURLToPath(new URL(`./${name}.${kind}.json`, import.meta.url));
}

/** The same host with what depends on who records, and where, as it is on a real one: all is root's, and on one disk. */
function ofRoot(host: Host): Host {
  return {
    ...bound(host),
    status(path): Observed<FileStatus> {
      const status = host.status(path);
      if (!status.ok) return status;
      const isProgram = status.value.kind === "directory" || (status.value.mode & 0o100) !== 0;
      return {
        ok: true,
        value: { ...status.value, mode: isProgram ? 0o755 : 0o644, uid: 0, gid: 0, device: "254:9" },
      };
    },
  };
}

/** A host's answers as plain functions: the live one is a class. */
function bound(host: Host): Host {
  return {
    arch: host.arch,
    diskOverride: host.diskOverride,
    read: (path, limit) => host.read(path, limit),
    readRange: (path, offset, length) => host.readRange(path, offset, length),
    status: (path) => host.status(path),
    link: (path) => host.link(path),
    list: (path) => host.list(path),
    digest: (path) => host.digest(path),
    block: (path) => host.block(path),
    command: (argv) => host.command(argv),
  };
}

if (import.meta.main) {
  for (const name of HOST_NAMES) {
    const { snapshot } = await record(HOSTS[name]);
    const plan = await planOf(replayHost(snapshot));
    writeFileSync(pathOf(name, "host"), encodeSnapshot(snapshot));
    writeFileSync(pathOf(name, "plan"), encodePlan(plan));
    console.log(`${name}: ${plan.decision}`);
  }
}
