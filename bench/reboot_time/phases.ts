/**
 * Takes a machine's serial console apart: the reboots in it, and when each came to which point. Pure.
 *
 * @module
 */

/** A moment, in seconds. */
export interface Moment {
  /** Of the clock on the wall, from any start. */
  readonly wall: number;
  /** Processor time that the emulator had used: what other programs take away does not count. */
  readonly cpu: number;
}

/** A line without its end, and when that end came. */
export interface TimedLine extends Moment {
  readonly text: string;
}

export type Way = "kexec" | "firmware";

/** Parts of a reboot in the order in which they follow each other; a kexec has no `firmware` and no `loader`. */
export const PHASES = ["command", "shutdown", "firmware", "loader", "jump", "kernel", "userspace"] as const;
export type Phase = (typeof PHASES)[number];

/** What a part of a reboot took, in seconds. */
export interface Part extends Moment {
  readonly phase: Phase;
}

export interface Reboot {
  readonly way: Way;
  readonly parts: readonly Part[];
}

interface Point {
  /** The part of the reboot that ends here. */
  readonly ends: Phase;
  readonly sign: RegExp;
}

const KERNEL: readonly Point[] = [
  { ends: "kernel", sign: /^E2E-INITRD usr=/ },
  { ends: "userspace", sign: /^E2E boot \d+$/ },
];
const GRUB = /^GRUB loading|^Welcome to GRUB!/;
/** The kernel unpacks itself first, and may have a word to say before. */
const LINUX = /^KASLR disabled|^\[ *0\.000000\] Linux version /;

/** What tells that a part is over, in this order. */
const POINTS: Readonly<Record<Way, readonly Point[]>> = {
  kexec: [
    { ends: "command", sign: /^E2E asked 0$/ },
    { ends: "shutdown", sign: /^\[ *\d+\.\d+\] kexec_core: Starting new kernel/ },
    { ends: "jump", sign: LINUX },
    ...KERNEL,
  ],
  firmware: [
    { ends: "command", sign: /^E2E asked 0$/ },
    { ends: "shutdown", sign: /^\[ *\d+\.\d+\] reboot: Restarting system/ },
    { ends: "firmware", sign: GRUB },
    { ends: "loader", sign: LINUX },
    ...KERNEL,
  ],
};

/** What the machine's script prints before it asks for a reboot. */
export function asks(way: Way): string {
  return `E2E ask ${way}`;
}

/**
 * All reboots of a run. What comes before the first of them is the machine's first start.
 *
 * @throws {Error} if one went another way than it was asked to, or did not arrive.
 */
export function rebootsIn(lines: readonly TimedLine[]): readonly Reboot[] {
  const starts = lines.flatMap((line, index) => {
    const way = (["kexec", "firmware"] as const).find((one) => plain(line.text) === asks(one));
    return way === undefined ? [] : [{ way, index }];
  });
  return starts.map(({ way, index }, number) =>
    rebootIn(way, lines.slice(index, starts[number + 1]?.index), number + 1)
  );
}

function rebootIn(way: Way, lines: readonly TimedLine[], number: number): Reboot {
  const parts: Part[] = [];
  let [from] = lines;
  let points = POINTS[way];
  for (const line of lines) {
    const [next, ...rest] = points;
    if (from === undefined || next === undefined) break;
    const text = plain(line.text);
    if (way === "kexec" && GRUB.test(text)) {
      throw new Error(`Cannot time reboot ${number}: it was to be a kexec, and GRUB started`);
    }
    if (!next.sign.test(text)) continue;
    parts.push({ phase: next.ends, wall: line.wall - from.wall, cpu: line.cpu - from.cpu });
    from = line;
    points = rest;
  }
  const [missing] = points;
  if (missing === undefined) return { way, parts };
  throw new Error(
    `Cannot time reboot ${number}, by ${way}: expected a line ${missing.sign} that ends '${missing.ends}', found none`,
  );
}

/** Text without what firmware, GRUB and systemd send to place it on a screen (ECMA-48 §5.4, §8.3.89). */
function plain(text: string): string {
  return text.replace(/\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07]*\x07|.)/g, "").replaceAll("\r", "");
}

/** Cuts what comes over the serial console into lines, each with the moment at which it was complete. */
export class LineClock {
  readonly lines: TimedLine[] = [];
  #rest = "";

  add(text: string, { wall, cpu }: Moment): void {
    const parts = (this.#rest + text).split("\n");
    this.#rest = parts.pop() ?? "";
    for (const part of parts) this.lines.push({ text: part.replace(/\r$/, ""), wall, cpu });
  }
}
