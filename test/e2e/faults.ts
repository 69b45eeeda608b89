/**
 * What can go wrong with a kexec, and what must follow: the list behind the end-to-end test of faults, the soak run
 * and the tables of docs/failure-modes.md. The running system is in the `old` slot, the update in the `new` one.
 *
 * @module
 */
import { HANGS } from "./broken_initrd.ts";

export type Tries = "spend" | "keep";

/** How far a kexec came before it failed. */
export type Reached =
  /** Commit wrote nothing down. */
  | "nothing"
  /** "prepared" is in the log; no try was taken. */
  | "prepared"
  /** The try is taken; "committed" is not in the log. */
  | "written"
  /** "committed" is in the log. */
  | "committed";

export interface Fault {
  /** As the documentation shows it. */
  readonly name: string;
  /** Shell: done before the reboot is asked for. */
  readonly provoke?: string;
  /** Shell: how the reboot is asked for; default: `flatcar-kexec reboot`. */
  readonly ask?: string;
  /** Initial RAM disk of the kernel that kexec starts, made by broken_initrd.ts. */
  readonly initrd?: "panic" | "hang";
  /** A line on the serial console after which nothing happens any more. */
  readonly hang?: string;
  /** The update's /usr is damaged: it fails whoever boots it. */
  readonly isBad?: true;
  /** The new system comes up, and is marked good or is not. */
  readonly arrives?: "is marked good" | "is reset before";
  /** The disk is set back to a moment of commit: in front of, between or behind the writes of the table. */
  readonly cut?: "before" | "inside" | "after";
  /** Commit's unit has it written down that the kexec was given up. */
  readonly isGivenUp?: true;
  /** How far it must come; null where that is for the moment to say. */
  readonly reached: Reached | null;
  /** It needs the write of the table, which `tries = "keep"` does without. */
  readonly spendsOnly?: true;
}

/**
 * Commit is held up where it is about to write the table: somebody else has locked the disk. What the unit's
 * ExecStopPost= does after a commit that was killed is done here as well.
 */
function killedCommit(beforeKill: string): string {
  return `cat >/run/commit <<'END'
exec 9</dev/vda
flock 9
/opt/bin/flatcar-kexec commit 9>&- >/run/out/commit.out 2>/run/out/commit.err &
commit=$!
n=0
until tail -n 1 /var/lib/flatcar-kexec/attempts.jsonl | grep -q '"prepared"' || [ $n = 300 ]; do
  n=$((n+1)); usleep 100000
done
${beforeKill}
/e2e/kexec -s -u
/opt/bin/flatcar-kexec commit --failed="signal KILL"
END
`;
}

const KILL = `kill -9 $commit
wait $commit
echo killed $? >/run/out/commit.status
exec 9>&-`;

/** ROOT is frozen, so that commit gets its write of the table done, and nothing after it. */
const WRITE_AND_KILL = `fsfreeze --freeze /
exec 9>&-
n=0
until [ "$(/e2e/cgpt show -i $(cat /run/new) -T /dev/vda)" = 0 ] || [ $n = 100 ]; do n=$((n+1)); usleep 100000; done
sleep 3
kill -9 $commit
fsfreeze --unfreeze /
wait $commit
echo killed $? >/run/out/commit.status`;

export const FAULTS: readonly Fault[] = [
  { name: "the kernel does not load", provoke: "echo load >/run/fault", reached: "nothing" },
  {
    name: "the old system panics with a kernel loaded",
    ask: "flatcar-kexec load; save; echo c >/proc/sysrq-trigger",
    reached: "nothing",
  },
  {
    name: "commit is killed before the write",
    provoke: killedCommit(KILL),
    isGivenUp: true,
    reached: "prepared",
    spendsOnly: true,
  },
  {
    name: "commit is killed after the write",
    provoke: killedCommit(WRITE_AND_KILL),
    isGivenUp: true,
    reached: "written",
    spendsOnly: true,
  },
  { name: "power is cut during commit, before the write", cut: "before", reached: null },
  {
    name: "power is cut during commit, in the middle of the write",
    cut: "inside",
    reached: null,
    spendsOnly: true,
  },
  { name: "power is cut during commit, after the write", cut: "after", reached: null, spendsOnly: true },
  {
    name: "power is cut between commit and jump",
    provoke: "echo power-cut-after-commit >/run/fault",
    reached: "committed",
  },
  { name: "the jump comes back with an error", provoke: "echo jump >/run/fault", reached: "committed" },
  { name: "the new kernel panics under kexec", initrd: "panic", reached: "committed" },
  {
    name: "the new kernel hangs under kexec, and is reset",
    initrd: "hang",
    hang: HANGS,
    reached: "committed",
  },
  { name: "the new system is bad, whoever boots it", isBad: true, reached: "committed" },
  { name: "the new system arrives", arrives: "is marked good", reached: "committed" },
  {
    name: "the new system arrives, and is reset before it is marked good",
    arrives: "is reset before",
    reached: "committed",
  },
];

/** What a power cycle after a fault must show. */
export interface Step {
  readonly slot: "old" | "new";
  /** Whether the system comes up. */
  readonly boots: boolean;
  /** What `confirm` says, where the system comes up. */
  readonly confirm: Confirmed;
}

export interface Confirmed {
  readonly verdict: "ordinary" | "fell-back";
  readonly gaveBack: boolean;
  readonly quarantined: boolean;
}

export interface Aftermath {
  /** Tries of the new slot right after the fault. */
  readonly tries: 0 | 1;
  /** The power cycles until the host is settled. The last one is where it stays. */
  readonly steps: readonly Step[];
}

const ORDINARY: Confirmed = { verdict: "ordinary", gaveBack: false, quarantined: false };

/**
 * What must follow, by the rules in docs/failure-modes.md. Of the program's own deciding code, nothing is used.
 */
export function aftermathOf(fault: Fault, tries: Tries, reached: Reached): Aftermath {
  const isTaken = tries === "spend" && (reached === "written" || reached === "committed");
  const old = (confirm: Confirmed): Step => ({ slot: "old", boots: true, confirm });
  const fresh = (confirm: Confirmed): Step => ({ slot: "new", boots: true, confirm });
  if (fault.arrives !== undefined) {
    const isGood = fault.arrives === "is marked good";
    return {
      tries: isGood || isTaken ? 0 : 1,
      steps: [isGood || !isTaken ? fresh(ORDINARY) : old(ORDINARY)],
    };
  }
  const first: Confirmed = {
    verdict: reached === "nothing" || fault.isGivenUp === true ? "ordinary" : "fell-back",
    gaveBack: isTaken,
    quarantined: isTaken || reached === "committed",
  };
  const failing: Step = { slot: "new", boots: false, confirm: ORDINARY };
  if (isTaken) {
    return {
      tries: 0,
      steps: [old(first), ...(fault.isBad === true ? [failing, old(ORDINARY)] : [fresh(ORDINARY)])],
    };
  }
  return { tries: 1, steps: fault.isBad === true ? [failing, old(first)] : [fresh(first)] };
}
