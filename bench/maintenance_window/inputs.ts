import type { Fleet } from "./model.ts";

/** The example of docs/fleet.md. Assumptions, not measurements: put in the times of your own fleet. */
export const EXAMPLE: Fleet = {
  hosts: 200,
  concurrency: 4,
  drain: 60,
  shutdown: 15,
  firmware: 300,
  boot: 40,
  settle: 30,
  refused: 0.02,
  failed: 0.005,
  reset: 60,
  maxConsecutive: 10,
};

/** Firmware times along the plot's axis, seconds: from a virtual machine to a server with much memory. */
export const FIRMWARE_SECONDS: readonly number[] = Array.from({ length: 31 }, (_, i) => i * 30);
