import { defineCheck } from "./check.ts";

const MIB = 1 << 20;
/**
 * Left for the running system: page tables and control pages of the new kernel, the kexec program, and what
 * shutting down takes.
 */
const MARGIN = 64 * MIB;

export const memoryLow = defineCheck({
  id: "memory-low",
  defaultLevel: "refuse",
  title: "the kernel does not fit into memory beside the running system",
  reads: "MemAvailable of /proc/meminfo, sizes in the kernel's header",
  needs: ["kernel"],
  examine({ facts, kernel }) {
    const { available } = facts.memory;
    if (available === null || kernel === null || !kernel.ok) return null;
    const { size, memorySize } = kernel.kernel;
    // While it is loaded, the file is in memory once as it is and once as it will lie when it runs.
    const needed = size + memorySize + MARGIN;
    if (available * 1024 >= needed) return null;
    const mib = (bytes: number): string => `${Math.ceil(bytes / MIB)} MiB`;
    return {
      message:
        `${Math.floor(available / 1024)} MiB of memory are available, but loading the kernel takes ${
          mib(needed)
        }: ` +
        `its file ${mib(size)}, its place in memory ${mib(memorySize)}, and ${
          mib(MARGIN)
        } for the running system`,
      hint: "stop what uses memory before the reboot, or take an ordinary one",
      origin: "/proc/meminfo",
    };
  },
});
