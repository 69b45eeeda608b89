/**
 * What GRUB tells a script about the machine it runs on.
 *
 * @module
 */

export type GrubPlatform = "pc" | "efi" | "xen";
export type GrubCpu = "i386" | "x86_64" | "arm64";

/** Features that GRUB 2.02 to 2.12 announce. */
const FEATURES = [
  "feature_200_final",
  "feature_all_video_module",
  "feature_chainloader_bpb",
  "feature_default_font_path",
  "feature_menuentry_id",
  "feature_menuentry_options",
  "feature_nativedisk_cmd",
  "feature_ntldr",
  "feature_platform_search_hint",
  "feature_timeout_style",
] as const;

/** Variables that are set before the first line of the configuration. */
export function initialVariables(
  platform: GrubPlatform,
  cpu: GrubCpu,
  bootDevice: string,
): Readonly<Record<string, string>> {
  const variables: Record<string, string> = {
    color_highlight: "black/light-gray",
    color_normal: "light-gray/black",
    grub_cpu: cpu,
    grub_platform: platform,
    lang: "",
    locale_dir: "",
    prefix: "(memdisk)",
    root: bootDevice,
    secondary_locale_dir: "",
  };
  for (const feature of FEATURES) variables[feature] = "y";
  return variables;
}
