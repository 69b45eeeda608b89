/**
 * Kernel images that are all header: enough to be recognised, nothing to run.
 *
 * @module
 */

export interface BzImageOptions {
  readonly version?: string;
  /** 64 hex digits. */
  readonly usrhash?: string;
  readonly protocol?: number;
  readonly xloadflags?: number;
  readonly cmdlineSize?: number;
  readonly relocatable?: boolean;
  /** Bytes of memory that the header asks for; default 64 KiB. */
  readonly initSize?: number;
  /** Bytes of the file; default: what the header says. */
  readonly size?: number;
}

const put = (bytes: Uint8Array, offset: number, text: string): void => {
  for (let index = 0; index < text.length; index++) bytes[offset + index] = text.charCodeAt(index);
};

const SETUP_SECTORS = 7;
const SYSTEM_PARAGRAPHS = 512;

/** A bzImage (kernel Documentation/arch/x86/boot.rst). */
export function makeBzImage(options: BzImageOptions = {}): Uint8Array {
  const whole = (SETUP_SECTORS + 1) * 512 + SYSTEM_PARAGRAPHS * 16;
  const bytes = new Uint8Array(whole);
  const view = new DataView(bytes.buffer);
  put(bytes, 0, "MZ");
  if (options.usrhash !== undefined) put(bytes, 0x40, options.usrhash);
  bytes[0x1f1] = SETUP_SECTORS;
  view.setUint32(0x1f4, SYSTEM_PARAGRAPHS, true);
  view.setUint16(0x1fe, 0xaa55, true);
  put(bytes, 0x202, "HdrS");
  view.setUint16(0x206, options.protocol ?? 0x20f, true);
  view.setUint16(0x20e, 0x400, true);
  bytes[0x211] = 1;
  bytes[0x234] = options.relocatable === false ? 0 : 1;
  view.setUint16(0x236, options.xloadflags ?? 0x3f, true);
  view.setUint32(0x238, options.cmdlineSize ?? 2047, true);
  view.setUint32(0x260, options.initSize ?? 0x10000, true);
  put(bytes, 0x600, `${options.version ?? "6.12.103-flatcar"} (build@pony-truck) #1 SMP PREEMPT_DYNAMIC`);
  if (options.size === undefined) return bytes;
  const sized = new Uint8Array(options.size);
  sized.set(bytes.subarray(0, Math.min(options.size, whole)));
  return sized;
}

export interface Arm64ImageOptions {
  readonly usrhash?: string;
  readonly size?: number;
}

/** An arm64 Image with a PE header (kernel Documentation/arch/arm64/booting.rst). */
export function makeArm64Image(options: Arm64ImageOptions = {}): Uint8Array {
  const whole = 0x4000;
  const bytes = new Uint8Array(whole);
  const view = new DataView(bytes.buffer);
  put(bytes, 0, "MZ");
  view.setBigUint64(16, BigInt(whole + 0x8000), true);
  view.setBigUint64(24, 0x0an, true);
  put(bytes, 56, "ARM\x64");
  view.setUint32(60, 64, true);
  put(bytes, 64, "PE\0\0");
  view.setUint16(64 + 6, 2, true);
  view.setUint16(64 + 20, 0xa0, true);
  view.setUint16(64 + 24, 0x20b, true);
  view.setUint32(64 + 24 + 108, 6, true);
  const section = (index: number, name: string, start: number, size: number): void => {
    const at = 64 + 24 + 0xa0 + index * 40;
    put(bytes, at, name);
    view.setUint32(at + 16, size, true);
    view.setUint32(at + 20, start, true);
  };
  section(0, ".text", 0x1000, 0x2000);
  section(1, ".data", 0x3000, 0x1000);
  if (options.usrhash !== undefined) put(bytes, 512, options.usrhash);
  return options.size === undefined ? bytes : bytes.slice(0, options.size);
}
