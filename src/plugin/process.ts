/**
 * Running one external plugin in a process of its own, and waiting for its answer.
 *
 * The way there is a chain of util-linux programs, each of which does one thing and starts the next:
 * - unshare: namespaces of its own, so that there is no network, no other process to be seen, and everything that
 *   the plugin started dies with it;
 * - setpriv: nobody (65534), no groups, no capabilities, none to be gained;
 * - unshare --user: a count of processes of its own, since other services may run as nobody too;
 * - prlimit: how many processes and files, no bytes written to any file, no core dump, processor time;
 * - sh: the first process of the namespace, which watches time and memory. A process cannot kill the first one of
 *   its namespace, and when that ends the kernel kills all others.
 * Address space is not limited: the JavaScript engine reserves gigabytes that it never touches, so what counts is
 * the memory that is really in use.
 *
 * @module
 */
import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import process from "node:process";
import type { HookName } from "./api.ts";
import type { Answers, Question } from "./ask.ts";
import { checkAnswers, checkMessage, type ChildMessage, type Promises, shortLine } from "./answers.ts";
import type { ChildRequest } from "./child.ts";
import { pluginFault } from "./fault.ts";

export interface ProcessRequest {
  /** The name that the file has, and the plugin must have. */
  readonly name: string;
  readonly text: string;
  readonly language: "js" | "ts";
  /** Null: only what the plugin says of itself is wanted. */
  readonly question: Question | null;
  readonly files: Readonly<Record<string, string>> | null;
  /** Milliseconds. */
  readonly timeLimit: number;
}

export type ProcessReply =
  | {
    readonly kind: "answers";
    readonly promises: Promises;
    readonly answers: Answers;
    readonly log: readonly string[];
  }
  | { readonly kind: "reads"; readonly promises: Promises; readonly log: readonly string[] }
  | {
    readonly kind: "manifest";
    readonly promises: Promises;
    readonly hooks: readonly HookName[];
    /** Names that are no hooks, and are never called. */
    readonly strangeHooks: readonly string[];
    readonly log: readonly string[];
  };

/** nobody and nogroup, by number: an image may lack the names. */
const NOBODY = "65534";
/** More than this on either channel ends the plugin, bytes. */
const OUTPUT_LIMIT = 1 << 20;
/** All of the plugin's processes together, KiB. The runtime itself takes about 40 MiB. */
const MEMORY_LIMIT = 256 << 10;
/** Threads count as well, and the runtime starts a few for each processor. */
const PROCESS_LIMIT = 256;
const LOG_LINES = 200;
const LOG_WIDTH = 500;

/** Exit statuses of the watching shell; 126 and 127 are its own words for "cannot be run". */
const OUT_OF_MEMORY = 71;
const OUT_OF_TIME = 72;

/** What the watching shell puts on the answer channel before the plugin is there to write anything. */
const ISOLATED = "isolated\n";

/**
 * $1 seconds, $2 KiB, then the command. `statm` counts pages of 4 KiB, which is what Flatcar's kernels use. Signals
 * rather than files, because the watchers may write nothing either. A shell that is not the first of a namespace
 * sees the whole host's processes: there the plugin's own alone is counted.
 */
const WATCHED = `
echo isolated
exec 4<&0
trap 'kill -s KILL $plugin; exit ${OUT_OF_MEMORY}' USR1
trap 'kill -s KILL $plugin; exit ${OUT_OF_TIME}' USR2
seconds=$1; pages=$(($2 / 4)); shift 2
"$@" <&4 3>&1 1>&2 4<&- &
plugin=$!
[ $$ = 1 ] && counted='/proc/[0-9]*/statm' || counted=/proc/$plugin/statm
exec <&- 4<&- 1>&-
(sleep "$seconds"; kill -s USR2 $$) 2>/dev/null &
(
  while sleep 0.05; do
    total=0
    for file in $counted; do
      read -r _ used _ <"$file" && total=$((total + used))
    done
    [ "$total" -le "$pages" ] || kill -s USR1 $$
  done
) 2>/dev/null &
wait "$plugin"
exit $?
`;

/** From strong to weak; hosts without some namespace still get the rest. */
interface Sandbox {
  readonly name: string;
  readonly command: readonly string[];
  /** Whether the kernel ends all that was started in it; else it leads a process group, which we have to kill. */
  readonly endsAll: boolean;
  /** What this one lacks, for the log; null if nothing. */
  readonly lacks: string | null;
}

function sandboxes(root: boolean): readonly Sandbox[] {
  const own = ["--net", "--ipc", "--uts", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"];
  const drop = root ? ["setpriv", `--reuid=${NOBODY}`, `--regid=${NOBODY}`, "--clear-groups"] : ["setpriv"];
  // The change of user undoes unshare's --kill-child, so here once more: what is started dies with its parent.
  const stay = [
    "--no-new-privs",
    "--pdeathsig=KILL",
    "--inh-caps=-all",
    ...(root ? ["--bounding-set=-all"] : []),
  ];
  const user = ["unshare", "--user", "--map-current-user"];
  const limit = (processes: number | null) => [
    "prlimit",
    "--fsize=0",
    "--nofile=64",
    "--core=0",
    "--memlock=0",
    "--msgqueue=0",
    "--cpu=60",
    ...(processes === null ? [] : [`--nproc=${processes}`]),
  ];
  const weak: Sandbox = {
    name: "limits",
    command: ["setsid", "--wait", ...drop, ...stay, ...limit(null)],
    endsAll: false,
    lacks: "no namespaces here: the network and other processes are within the plugin's sight, and what it " +
      "starts is not counted with its memory",
  };
  if (!root) {
    return [{
      name: "user namespace",
      command: [...user, ...own, ...drop, ...stay, ...limit(PROCESS_LIMIT)],
      endsAll: true,
      lacks: null,
    }, weak];
  }
  return [
    {
      name: "namespaces",
      command: ["unshare", ...own, ...drop, ...stay, ...user, ...limit(PROCESS_LIMIT)],
      endsAll: true,
      lacks: null,
    },
    {
      name: "namespaces without users",
      command: ["unshare", ...own, ...drop, ...stay, ...limit(null)],
      endsAll: true,
      lacks: "no user namespaces here: the number of the plugin's processes is not limited",
    },
    weak,
  ];
}

/** Found out by the first plugin, and then kept: it does not change while we run. */
let usable: Sandbox | null = null;

/**
 * Ask an external plugin.
 *
 * @throws {KexecError} `plugin-failed` saying how it ended, or what is wrong with its answer.
 */
export function askInProcess(request: ProcessRequest): ProcessReply {
  const candidates = usable === null ? sandboxes(process.geteuid?.() === 0) : [usable];
  let refused = "";
  for (const sandbox of candidates) {
    const ended = start(sandbox, request);
    if (ended.refused !== null) {
      refused = ended.refused;
      continue;
    }
    usable = sandbox;
    return replyOf(ended, request.timeLimit, sandbox);
  }
  throw pluginFault(
    `Cannot run the plugin: this host does not let it be isolated: ${refused}`,
    "Plugins need unshare, setpriv and prlimit of util-linux, and a kernel with namespaces",
  );
}

interface Ended {
  readonly nonce: string;
  readonly status: number | null;
  readonly signal: string | null;
  readonly error: NodeJS.ErrnoException | null;
  /** What came over the answer channel after the watching shell's own line. */
  readonly answers: string;
  readonly printed: string;
  /** The sandbox could not be set up: what it said. */
  readonly refused: string | null;
}

function start(sandbox: Sandbox, request: ProcessRequest): Ended {
  const nonce = randomBytes(16).toString("hex");
  const { name, text, language, question, files } = request;
  const message: ChildRequest = { nonce, name, text, language, question, files };
  const [program = "unshare", ...words] = sandbox.command;
  const seconds = request.timeLimit / 1000;
  const child = spawnSync(program, [
    ...words,
    "sh",
    "-c",
    WATCHED,
    "flatcar-kexec-plugin",
    String(seconds),
    String(MEMORY_LIMIT),
    ...selfCommand(),
  ], {
    input: JSON.stringify(message),
    cwd: "/",
    // Nothing of ours is inherited: BUN_OPTIONS and LD_PRELOAD would run somebody else's code.
    env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" },
    maxBuffer: OUTPUT_LIMIT,
    // Only if the watching shell itself hangs.
    timeout: request.timeLimit + 500,
    killSignal: "SIGKILL",
    encoding: "utf8",
  });
  if (!sandbox.endsAll) killGroup(child.pid);
  const channel = child.stdout ?? "";
  const printed = child.stderr ?? "";
  const isolated = channel.startsWith(ISOLATED);
  const missing = child.error !== undefined && errorCode(child.error) === "ENOENT";
  // Only before the watching shell's word is what was printed not the plugin's. One that could pass for a host without
  // namespaces would be started again with less round it.
  const failed = !isolated && child.error === undefined &&
    /^(unshare|setpriv|prlimit|setsid): /.test(printed);
  return {
    nonce,
    status: child.status,
    signal: child.signal,
    error: child.error ?? null,
    answers: isolated ? channel.slice(ISOLATED.length) : channel,
    printed,
    refused: missing ? `${program} is not there` : failed ? shortLine(printed, 200) : null,
  };
}

/** The watchers have nothing more to watch, and a plugin may have left something behind. */
function killGroup(leader: number): void {
  // 0 is no process, and would be our own group.
  if (leader <= 0) return;
  try {
    process.kill(-leader, "SIGKILL");
  } catch {
    // All of it is gone.
  }
}

/** This program, told to be a plugin's process. */
export function selfCommand(): readonly string[] {
  const here = import.meta.url;
  // Compiled by Bun or Deno, the executable is the program. Bun's bytecode keeps the URL that this file had when it
  // was built, so the script's path has to tell.
  if (process.argv[1]?.startsWith("/$bunfs/") === true || here.includes("/deno-compile-")) {
    return [process.execPath, "__plugin"];
  }
  // Run from source, the executable is the runtime.
  const child = new URL("./child.ts", here).href;
  const run = `import(${JSON.stringify(child)}).then((child) => child.runPluginProcess())`;
  if (process.versions["deno"] !== undefined) return [process.execPath, "eval", "--no-config", run];
  return [process.execPath, "-e", run];
}

function replyOf(ended: Ended, timeLimit: number, sandbox: Sandbox): ProcessReply {
  const { messages, stray } = messagesOf(ended);
  const last = messages.at(-1);
  const step = messages.findLast((message) => message.kind === "step")?.step ?? null;
  const death = causeOfDeath(ended, timeLimit, step);
  if (death !== null) throw pluginFault(death, hintOf(ended));
  if (stray !== null) {
    throw pluginFault(
      `The plugin wrote to the answer channel itself: ${JSON.stringify(shortLine(stray, 80))}`,
    );
  }
  if (last === undefined || last.kind === "step") {
    throw pluginFault(`The plugin ended ${during(step)} without an answer (exit status ${ended.status})`);
  }
  if (messages.filter((message) => message.kind !== "step").length !== 1) {
    throw pluginFault("The plugin answered more than once");
  }
  const log = [...(sandbox.lacks === null ? [] : [sandbox.lacks]), ...logOf(ended.printed)];
  switch (last.kind) {
    case "fault":
      throw pluginFault(shortLine(last.message), last.hint === null ? undefined : shortLine(last.hint));
    case "reads":
      return { kind: "reads", promises: last.promises, log };
    case "manifest":
      return { ...last, log };
    case "answers":
      return { kind: "answers", promises: last.promises, answers: checkAnswers(last.answers), log };
  }
}

function messagesOf(
  ended: Ended,
): { readonly messages: readonly ChildMessage[]; readonly stray: string | null } {
  const messages: ChildMessage[] = [];
  for (const line of ended.answers.split("\n").filter((text) => text !== "")) {
    const message = line.startsWith(`${ended.nonce} `) ? parse(line.slice(ended.nonce.length + 1)) : null;
    if (message === null) return { messages, stray: line };
    messages.push(message);
  }
  return { messages, stray: null };
}

function parse(text: string): ChildMessage | null {
  try {
    return checkMessage(JSON.parse(text));
  } catch {
    return null;
  }
}

/** Null if it ended by itself and in peace. */
function causeOfDeath(ended: Ended, timeLimit: number, step: string | null): string | null {
  const code = ended.error === null ? null : errorCode(ended.error);
  if (code === "ENOBUFS") {
    return `The plugin printed or answered more than ${OUTPUT_LIMIT >> 20} MiB ${
      during(step)
    }, and was killed`;
  }
  if (code === "ETIMEDOUT" || ended.status === OUT_OF_TIME) {
    return `The plugin had not ended ${during(step)} after ${timeLimit} ms, and was killed`;
  }
  if (ended.status === OUT_OF_MEMORY) {
    return `The plugin took more than ${MEMORY_LIMIT >> 10} MiB of memory ${during(step)}, and was killed`;
  }
  if (ended.error !== null) return `The plugin's process could not be run: ${ended.error.message}`;
  if (ended.signal !== null) return `The plugin's process died ${during(step)} of ${ended.signal}`;
  if (ended.status !== null && ended.status > 128) {
    return `The plugin's process died ${during(step)} of signal ${ended.status - 128}`;
  }
  if (ended.status === 126 || ended.status === 127) {
    return `The user nobody cannot run ${process.execPath}: it, or a directory above it, is closed to others`;
  }
  if (ended.status !== 0) return `The plugin ended ${during(step)} with exit status ${ended.status}`;
  return null;
}

function during(step: string | null): string {
  return step === null ? "while it was loaded" : `in ${step}`;
}

function hintOf(ended: Ended): string | undefined {
  const [line] = logOf(ended.printed);
  return line === undefined ? undefined : `It printed: ${line}`;
}

function logOf(printed: string): readonly string[] {
  return printed.split("\n").map((line) => shortLine(line, LOG_WIDTH)).filter((line) => line !== "")
    .slice(0, LOG_LINES);
}

function errorCode(error: Error): string | null {
  return "code" in error && typeof error.code === "string" ? error.code : null;
}
