/** What tells one kernel from another, as far as it is known. */
export interface KernelIdentity {
  /** First word of its version string. */
  readonly kernelVersion: string | null;
  /** Root hash of its slot's /usr, 64 lower-case hex digits. */
  readonly usrhash: string | null;
  /** Partition of its slot, lower case. */
  readonly partuuid: string;
}

/**
 * Whether two are the same kernel. The version decides, wherever it is installed; where one is not known, the
 * /usr that it belongs to; where that is not known either, the partition.
 */
export function sameKernel(a: KernelIdentity, b: KernelIdentity): boolean {
  if (a.kernelVersion !== null && b.kernelVersion !== null) return a.kernelVersion === b.kernelVersion;
  if (a.usrhash !== null && b.usrhash !== null) return a.usrhash === b.usrhash;
  return a.partuuid === b.partuuid;
}
