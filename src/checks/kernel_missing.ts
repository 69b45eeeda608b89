import { defineCheck } from "./check.ts";

export const kernelMissing = defineCheck({
  id: "kernel-missing",
  protects: true,
  defaultLevel: "refuse",
  title: "the slot's kernel cannot be read",
  reads: "/boot/flatcar/vmlinuz-a or vmlinuz-b",
  needs: ["kernelPath"],
  examine({ kernel, kernelFile }) {
    if (kernel === null || kernel.ok || kernel.id !== "kernel-missing") return null;
    return {
      message: kernel.message,
      hint: kernel.hint,
      ...(kernelFile === null ? {} : { origin: kernelFile }),
    };
  },
});
