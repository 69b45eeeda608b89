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
import equinixMetal from "../../plugins/equinix-metal.ts";

/** In the order in which they are asked. */
export const BUILT_IN: readonly Plugin[] = [
  arm64Dtb,
  equinixMetal,
];
