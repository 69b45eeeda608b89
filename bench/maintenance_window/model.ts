/**
 * What a maintenance window becomes: hosts are taken one group after the other by a reboot manager. A model, to be fed
 * with the times of one's own fleet; nothing here is a measurement.
 *
 * @module
 */

/** Times in seconds. */
export interface Fleet {
  readonly hosts: number;
  /** Hosts that may be away at the same time. */
  readonly concurrency: number;
  /** Cordon and drain, before the reboot. */
  readonly drain: number;
  /** From the request to the end of the shutdown. */
  readonly shutdown: number;
  /** Firmware and boot loader. */
  readonly firmware: number;
  /** From the kernel's start until the host is ready again. */
  readonly boot: number;
  /** What the manager waits for before it takes the next host. */
  readonly settle: number;
  /** Share of kexecs that are refused, so that an ordinary reboot is taken: 0 to 1. */
  readonly refused: number;
  /** Share of kexecs that do not arrive: 0 to 1. */
  readonly failed: number;
  /** Until a host whose kexec did not arrive has reset itself (60 s for a panic), before the firmware. */
  readonly reset: number;
  /** Kexecs in a row before one boot through the firmware. 0: no limit. */
  readonly maxConsecutive: number;
}

export interface Window {
  /** From the first drain to the last host being ready, seconds. */
  readonly seconds: number;
  /** Seconds that hosts were away, summed up. */
  readonly awaySeconds: number;
}

export function firmwareWindow(fleet: Fleet): Window {
  return schedule(fleet, () => fleet.firmware);
}

/**
 * Refusals, failures and the boots that the limit sends through the firmware are spread evenly over the hosts. A kexec
 * that fails costs its reset, a boot of the old slot through the firmware, and another reboot through the firmware.
 */
export function kexecWindow(fleet: Fleet): Window {
  const cold = fleet.maxConsecutive === 0 ? 0 : 1 / (fleet.maxConsecutive + 1);
  const ordinary = Math.min(1, fleet.refused + cold);
  const detour = fleet.reset + fleet.firmware + fleet.boot + fleet.shutdown + fleet.firmware;
  return schedule(fleet, (host) => {
    if (falls(host, ordinary)) return fleet.firmware;
    return falls(host, fleet.failed) ? detour : 0;
  });
}

/** Whether this host is one of a share, spread evenly: every fourth one for 0.25. */
function falls(host: number, share: number): boolean {
  return Math.floor((host + 1) * share) > Math.floor(host * share);
}

/** The next host is taken as soon as a place is free. */
function schedule(fleet: Fleet, between: (host: number) => number): Window {
  const places = new Array<number>(Math.max(1, Math.min(fleet.concurrency, fleet.hosts))).fill(0);
  let awaySeconds = 0;
  for (let host = 0; host < fleet.hosts; host++) {
    const away = fleet.drain + fleet.shutdown + between(host) + fleet.boot;
    const first = places.indexOf(Math.min(...places));
    places[first] = (places[first] ?? 0) + away + fleet.settle;
    awaySeconds += away;
  }
  const last = Math.max(0, ...places);
  return { seconds: fleet.hosts === 0 ? 0 : last - fleet.settle, awaySeconds };
}
