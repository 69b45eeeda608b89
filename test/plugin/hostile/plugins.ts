/**
 * Plugins that mean harm, or are broken in an interesting way. Each must end in a finding, or find that it simply
 * cannot; none may change the command line.
 *
 * A plugin that tries something forbidden throws what it met, and succeeds by asking for `stolen=1`.
 *
 * @module
 */

export interface HostilePlugin {
  readonly what: string;
  readonly text: string;
  /** What the finding's message says. */
  readonly says: RegExp;
  /** Time limit, milliseconds: short where it has to run out, long where a slow machine must not make it. */
  readonly limit?: number;
  /** Needs to be run as root, so that dropping its rights can be seen. */
  readonly asRoot?: true;
  /** Needs a runtime's own function, or spawnSync's limits. */
  readonly onlyOnBun?: string;
}

/** A plugin with this in front of it and these parts. */
const plugin = (parts: {
  readonly before?: string;
  readonly name?: string;
  readonly apiVersion?: string;
  readonly more?: string;
  readonly hooks?: string;
}): string =>
  `${parts.before ?? ""}
export default {
  name: ${parts.name ?? '"hostile"'},
  apiVersion: ${parts.apiVersion ?? "1"},
  description: "means harm",
  matches: () => true,
  ${parts.more ?? ""}
  hooks: { ${parts.hooks ?? ""} },
};`;

const STOLEN = 'cmdline: () => [{ kind: "append", text: "stolen=1", reason: "got away with it" }]';
const append = (text: string) =>
  plugin({ hooks: `cmdline: () => [{ kind: "append", text: ${text}, reason: "r" }]` });
const answer = (hook: string, value: string) => plugin({ hooks: `${hook}: () => (${value})` });

const TIME = /had not ended .* after \d+ ms, and was killed/;

export const HOSTILE: readonly HostilePlugin[] = [
  // Never coming back
  {
    what: "loops in a hook",
    text: plugin({ hooks: "cmdline() { for (;;); }" }),
    says: /in cmdline after/,
    limit: 450,
  },
  { what: "loops while it is loaded", text: plugin({ before: "for (;;);" }), says: TIME, limit: 250 },
  {
    what: "loops in matches",
    text: plugin({ more: "matches() { for (;;); }," }),
    says: /in matches after/,
    limit: 450,
  },
  {
    what: "sleeps in native code",
    text: plugin({
      hooks: "check() { Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0); return null; }",
    }),
    says: /in check after/,
    limit: 450,
  },
  {
    what: "sleeps in the runtime",
    text: plugin({ before: "Bun.sleepSync(60_000);" }),
    says: TIME,
    limit: 250,
    onlyOnBun: "Deno has no sleepSync",
  },
  {
    what: "waits at top level for what never comes",
    text: plugin({ before: "setInterval(() => {}, 1000); await new Promise(() => {});" }),
    says: TIME,
    limit: 250,
  },
  {
    what: "waits at top level with nothing left to do",
    text: plugin({ before: "await new Promise(() => {});" }),
    says: /ended while it was loaded|had not ended/,
  },
  {
    what: "loops when the process ends",
    text: plugin({ before: 'import process from "node:process"; process.on("exit", () => { for (;;); });' }),
    says: TIME,
    limit: 250,
  },
  {
    what: "throws something whose text never ends",
    text: plugin({ hooks: "cmdline() { throw { toString() { for (;;); } }; }" }),
    says: TIME,
    limit: 250,
  },
  {
    what: "has an answer that never ends being written",
    text: answer("cmdline", "[{ toJSON() { for (;;); } }]"),
    says: TIME,
    limit: 250,
  },
  // Dying
  {
    what: "aborts",
    text: plugin({ before: 'import process from "node:process";', hooks: "cmdline() { process.abort(); }" }),
    says: /died in cmdline of signal 6|ended in cmdline with exit status|of SIG/,
  },
  {
    what: "kills itself",
    text: plugin({
      before: 'import process from "node:process";',
      hooks: 'check() { process.kill(process.pid, "SIGSEGV"); for (;;); }',
    }),
    says: /died in check of signal 11|of SIGSEGV|exit status/,
  },
  {
    what: "exits in peace before it answers",
    text: plugin({ before: 'import process from "node:process";', hooks: "cmdline() { process.exit(0); }" }),
    says: /ended in cmdline without an answer/,
  },
  {
    what: "exits with a status of the watching shell",
    text: plugin({ before: 'import process from "node:process";', hooks: "cmdline() { process.exit(3); }" }),
    says: /ended in cmdline with exit status 3/,
  },
  {
    what: "leaves a rejected promise behind",
    text: plugin({
      before: 'Promise.reject(new Error("dropped")); await new Promise((r) => setTimeout(r, 20));',
    }),
    says: /exit status|dropped/,
  },
  // Taking everything
  {
    what: "fills the memory with objects",
    text: plugin({
      before: "const keep = []; for (;;) keep.push({ n: keep.length, s: `x${keep.length}` });",
    }),
    says: /more than 256 MiB of memory while it was loaded, and was killed/,
    // On a busy machine the memory takes longer to fill than the usual limit.
    limit: 20_000,
  },
  {
    what: "fills the memory with bytes",
    text: plugin({ before: "const keep = []; for (;;) keep.push(new Uint8Array(1 << 22).fill(1));" }),
    says: /more than 256 MiB of memory while it was loaded, and was killed/,
    // On a busy machine the memory takes longer to fill than the usual limit.
    limit: 20_000,
  },
  {
    what: "lets its children fill the memory",
    text: plugin({
      before: `import { spawn } from "node:child_process";
for (let i = 0; i < 8; i++) spawn("/bin/sh", ["-c", "x=aaaaaaaaaaaaaaaa; while :; do x=$x$x; done"]);
await new Promise(() => setInterval(() => {}, 1000));`,
    }),
    says: /more than 256 MiB of memory|had not ended/,
    limit: 800,
  },
  {
    what: "forks without end",
    text: plugin({
      before: `import { spawnSync } from "node:child_process";
spawnSync("/bin/sh", ["-c", "f() { f | f & }; f; sleep 60"]);
throw new Error("still here");`,
    }),
    says: /was killed|still here/,
    limit: 500,
  },
  {
    what: "prints without end",
    text: plugin({ before: 'const line = "x".repeat(4096); for (;;) console.log(line);' }),
    says: /more than 1 MiB|had not ended/,
    onlyOnBun: "Deno's spawnSync keeps all that is printed",
  },
  {
    what: "answers with ten megabytes",
    text: append('"x".repeat(10 << 20)'),
    says: /more than 1 MiB|characters|shape/,
  },
  {
    what: "answers with a million edits",
    text: answer(
      "cmdline",
      'Array.from({ length: 20_000 }, () => ({ kind: "append", text: "a", reason: "r" }))',
    ),
    says: /more than 1 MiB|wrong shape: cmdline|Invalid length/,
  },
  // Answering nonsense
  {
    what: "answers a text where a list should be",
    text: answer("cmdline", '"quiet"'),
    says: /answered string quiet/,
  },
  { what: "answers a promise", text: plugin({ hooks: "async cmdline() { return []; }" }), says: /a promise/ },
  {
    what: "answers edits without a reason",
    text: answer("cmdline", '[{ kind: "append", text: "stolen=1" }]'),
    says: /wrong shape: cmdline\.0/,
  },
  {
    what: "answers an edit of no known kind",
    text: answer("cmdline", '[{ kind: "insert", text: "stolen=1", reason: "r" }]'),
    says: /wrong shape: cmdline\.0\.kind/,
  },
  {
    what: "answers an edit by key and token at once",
    text: answer("cmdline", '[{ kind: "remove", key: "quiet", token: "root=x", reason: "r" }]'),
    says: /wrong shape: cmdline\.0/,
  },
  {
    what: "answers what JSON cannot hold",
    text: answer("check", "[{ level: 1n }]"),
    says: /BigInt|wrong shape/i,
  },
  {
    what: "answers something that contains itself",
    text: answer("check", "(() => { const a = []; a.push(a); return a; })()"),
    says: /circular|cyclic|wrong shape/i,
  },
  {
    what: "says perhaps when asked whether it matches",
    text: plugin({ more: 'matches: () => "perhaps",' }),
    says: /matches answered/,
  },
  { what: "exports nothing", text: "export const plugin = {};", says: /default export is missing/ },
  { what: "is not a program", text: "set linux_append=quiet\n}", says: /Cannot load the plugin/ },
  {
    what: "is of a newer interface",
    text: plugin({ apiVersion: "2" }),
    says: /apiVersion is 2, and this .* speaks version 1/,
  },
  {
    what: "goes by another name",
    text: plugin({ name: '"equinix-metal"' }),
    says: /named "equinix-metal", and its file "hostile"/,
  },
  // Playing with the language
  {
    what: "puts its own functions in place of the language's",
    text: plugin({
      before: `Array.prototype.filter = Array.prototype.some = Array.prototype.map = () => [];
Array.isArray = () => true; String.prototype.startsWith = () => false; Object.prototype.stolen = 1;
JSON.stringify = () => '{"kind":"answers"}'; RegExp.prototype.test = () => true;`,
      hooks: 'cmdline: () => [{ kind: "append", text: "root=/dev/sdz", reason: "r" }]',
    }),
    says: /root is protected|wrong shape|answer channel/,
  },
  {
    what: "is a proxy that changes its mind",
    text: `let asked = 0;
export default new Proxy({}, { get: (_, key) => key === "name" && asked++ > 1 ? "root" : ({
  name: "hostile", apiVersion: 1, description: "d", matches: () => true,
  hooks: { cmdline: () => [{ kind: "append", text: "verity.usr=x", reason: "r" }] },
})[key] });`,
    says: /protected|named/,
  },
  {
    what: "answers with a prototype in its pocket",
    text: answer(
      "cmdline",
      `[JSON.parse('{"__proto__": {"text": "stolen=1"}, "kind": "append", "reason": "r"}')]`,
    ),
    says: /wrong shape: cmdline\.0\.text/,
  },
  // Words that are more than a word
  { what: "adds a word with a line end", text: append('"a=1\\nstolen=1"'), says: /contains U\+000A/ },
  { what: "adds a word with a NUL", text: append('"a=1\\0stolen=1"'), says: /contains U\+0000/ },
  { what: "adds two words as one", text: append('"a=1 root=/dev/sdz"'), says: /contains U\+0020/ },
  { what: "adds a word with a quote", text: append(`'a="1'`), says: /a double quote/ },
  { what: "adds a word that ends the kernel's own", text: append('"--"'), says: /goes to init/ },
  // What is not its to touch
  { what: "changes the root file system", text: append('"root=/dev/sdz"'), says: /root is protected/ },
  {
    what: "replaces the verity hash",
    text: answer(
      "cmdline",
      '[{ kind: "replace", key: "verity.usrhash", text: "verity.usrhash=00", reason: "r" }]',
    ),
    says: /verity\.\* is protected/,
  },
  {
    what: "claims protected keys that the administrator did not grant",
    text: plugin({
      more: 'protectedKeys: ["root", "verity.*"],',
      hooks: 'cmdline: () => [{ kind: "remove", key: "verity.usr", reason: "r" }]',
    }),
    says: /the configuration does not let this plugin edit it/,
  },
  {
    what: "forges the marker of a kexec",
    text: append('"flatcar.kexec=1"'),
    says: /belongs to flatcar-kexec itself/,
  },
  {
    what: "asks for a device tree where there is none",
    text: answer("deviceTree", '"/etc/passwd"'),
    says: /only arm64 kernels are given one/,
  },
  {
    what: "puts files outside the archive",
    text: answer("initrd", '[{ kind: "file", path: "../../etc/passwd", text: "x" }]'),
    says: /wrong shape: initrd\.0/,
  },
  {
    what: "writes outside sysfs",
    text: answer(
      "quiesce",
      '[{ kind: "write-sysfs", path: "/sys/class/../../etc/passwd", value: "x", reason: "r" }]',
    ),
    says: /expected an attribute below \/sys/,
  },
  {
    what: "hides an option in a unit's name",
    text: answer("quiesce", '[{ kind: "stop-unit", unit: "--force.service", reason: "r" }]'),
    says: /expected a unit's full name/,
  },
  {
    what: "steers the terminal with its remarks and then objects",
    text: answer("check", '[{ level: "refuse", message: "\\u001b[2J\\u001b[32mall is well\\r\\nkexec" }]'),
    says: /^\[2J \[32mall is well kexec$/,
  },
  // Getting out
  {
    what: "passes for a host that cannot isolate it",
    text: plugin({
      before: `import { writeSync } from "node:fs"; import process from "node:process";
writeSync(2, "unshare: unshare failed: Operation not permitted\\n"); process.exit(1);`,
    }),
    says: /The plugin ended while it was loaded with exit status 1$/,
  },
  {
    what: "passes for one with so many words that it has to be stopped",
    text: plugin({
      before: `import { writeSync } from "node:fs";
for (;;) writeSync(2, "unshare: unshare failed: Operation not permitted\\n".repeat(1000));`,
    }),
    says: /more than 1 MiB|had not ended/,
    onlyOnBun: "Deno's spawnSync keeps all that is printed",
  },
  {
    what: "reads the password file",
    text: plugin({ before: 'import fs from "node:fs"; fs.readFileSync("/etc/shadow");', hooks: STOLEN }),
    says: /EACCES|permission denied/i,
    asRoot: true,
  },
  {
    what: "takes its rights back",
    text: plugin({
      before: 'import process from "node:process"; process.setgid(0); process.setuid(0);',
      hooks: STOLEN,
    }),
    says: /EPERM|EINVAL|not permitted/i,
    asRoot: true,
  },
  {
    what: "writes to the disk",
    text: plugin({
      before: `import fs from "node:fs";
const places = ["/tmp", "/var/tmp", "/dev/shm", "/run", "/etc"];
const written = places.filter((place) => {
  try { fs.writeFileSync(place + "/flatcar-kexec-hostile", "x"); return true; } catch { return false; }
});
if (written.length === 0) throw new Error("nothing could be written");`,
      hooks: STOLEN,
    }),
    says: /nothing could be written|signal 25|SIGXFSZ/,
  },
  {
    what: "calls home",
    text: plugin({
      before: `import net from "node:net";
await new Promise((done, fail) => {
  const socket = net.connect({ host: "127.0.0.1", port: PORT }, () => done(null));
  socket.on("error", fail);
});`,
      hooks: STOLEN,
    }),
    says: /ECONNREFUSED|ENETUNREACH|EADDRNOTAVAIL|connect|network|Failed/i,
  },
  {
    what: "writes answers into the channel itself",
    text: plugin({
      before: `import fs from "node:fs"; import process from "node:process";
fs.writeSync(3, JSON.stringify({ kind: "answers", answers: { matches: true } }) + "\\n"); process.exit(0);`,
    }),
    says: /wrote to the answer channel itself/,
  },
  {
    what: "closes the channel",
    text: plugin({ before: 'import fs from "node:fs"; fs.closeSync(3);' }),
    says: /EBADF|without an answer|exit status/,
  },
  {
    what: "kills everybody it can see",
    text: plugin({
      before: `import process from "node:process";
import { readdirSync } from "node:fs";
for (const name of readdirSync("/proc")) {
  const pid = Number(name);
  if (!(pid > 0) || pid === process.pid) continue;
  for (const signal of ["SIGKILL", "SIGSTOP", "SIGTERM"]) try { process.kill(pid, signal); } catch {}
}
for (;;);`,
    }),
    says: TIME,
    limit: 250,
  },
  {
    what: "imports a package",
    text: plugin({ before: 'import pad from "left-pad"; pad();' }),
    says: /imports .*left-pad|left-pad.*not a dependency|one file that may import node: modules only/,
  },
  {
    what: "imports its neighbour",
    text: plugin({ before: 'import { other } from "./other.ts"; other();' }),
    says: /one file that may import node: modules only/,
  },
];
