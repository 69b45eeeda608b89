import { exists } from "../host/text.ts";
import { defineCheck } from "./check.ts";

const LOADED = "/sys/kernel/kexec_loaded";
/** Written by `load`; /run is emptied by every boot. */
const RECORD = "/run/flatcar-kexec/loaded.json";

export const foreignKernelLoaded = defineCheck({
  id: "foreign-kernel-loaded",
  defaultLevel: "refuse",
  title: "something else has loaded a kernel",
  reads: `${LOADED}, ${RECORD}`,
  examine({ host, facts }) {
    if (facts.kexec.loaded !== true || exists(host, RECORD)) return null;
    return {
      message: `A kernel is loaded already (${LOADED} is 1) and not by flatcar-kexec (there is no ${RECORD})`,
      hint: "find out what loaded it; drop it with: kexec -u",
      origin: LOADED,
    };
  },
});
