import { defineCheck } from "./check.ts";

export const kernelFormat = defineCheck({
  id: "kernel-format",
  protects: true,
  defaultLevel: "refuse",
  title: "the slot's kernel is damaged or of another kind",
  reads: "the first 4096 bytes and the size of the kernel",
  needs: ["kernelFile"],
  examine({ kernel, kernelFile }) {
    if (kernel === null || kernel.ok || kernel.id !== "kernel-format") return null;
    return {
      message: kernel.message,
      hint: kernel.hint,
      ...(kernelFile === null ? {} : { origin: kernelFile }),
    };
  },
});
