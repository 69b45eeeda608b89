/**
 * The plugins that are compiled in.
 *
 * To add one: write `plugins/NAME.ts` with the reference for each fact in its comment, list it here, and put a
 * recorded host and what the plugin says about it into `test/plugins/NAME_test.ts`.
 *
 * @module
 */
import type { Plugin } from "./api.ts";
import arm64Dtb from "../../plugins/arm64-dtb.ts";
import azure from "../../plugins/azure.ts";
import ec2 from "../../plugins/ec2.ts";
import equinixMetal from "../../plugins/equinix-metal.ts";
import gce from "../../plugins/gce.ts";
import gpu from "../../plugins/gpu.ts";
import hetzner from "../../plugins/hetzner.ts";
import kubevirt from "../../plugins/kubevirt.ts";
import mellanox from "../../plugins/mellanox.ts";
import oracle from "../../plugins/oracle.ts";
import vmware from "../../plugins/vmware.ts";
import xen from "../../plugins/xen.ts";

/** In the order in which they are asked: platforms, then hardware. */
export const BUILT_IN: readonly Plugin[] = [
  azure,
  ec2,
  equinixMetal,
  gce,
  hetzner,
  kubevirt,
  oracle,
  vmware,
  xen,
  arm64Dtb,
  gpu,
  mellanox,
];
