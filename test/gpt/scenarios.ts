/**
 * Disks with an update pending in USR-B (priority 2, one try), sound and damaged in every way that GRUB forgives.
 *
 * @module
 */
import { flatcarImage, type SlotImage } from "../support/gpt_image.ts";

export interface Scenario {
  readonly name: string;
  readonly image: Uint8Array;
  readonly sectorSize: number;
  /** The backup is not in the last sector: GRUB finds it through the primary header alone. */
  readonly displaced: boolean;
  /** At least one copy also passes the strict reader, so every later state must have one that does. */
  readonly perfect: boolean;
}

const PENDING = { a: [1, 0, 1], b: [2, 1, 0] } as const;

type Damage = (image: Uint8Array, sectorSize: number) => void;

function scenario(
  name: string,
  damage: Damage | null = null,
  layout: Partial<SlotImage> = {},
  traits: { displaced?: boolean; perfect?: boolean } = {},
): Scenario {
  const sectorSize = layout.sectorSize ?? 512;
  const image = flatcarImage({ ...PENDING, ...layout });
  damage?.(image, sectorSize);
  return { name, image, sectorSize, displaced: traits.displaced ?? false, perfect: traits.perfect ?? true };
}

const lastSector = (image: Uint8Array, size: number): number => image.length / size - 1;

const lost = (first: number, count = 1): Damage => (image, size) => {
  image.fill(0, first * size, (first + count) * size);
};

const noBackupHeader: Damage = (image, size) => lost(lastSector(image, size))(image, size);

const rubbishBackupTable: Damage = (image, size) => {
  image.fill(0x55, (lastSector(image, size) - 16384 / size) * size, lastSector(image, size) * size);
};

const rubbishPrimaryTable: Damage = (image, size) => image.fill(0x55, 2 * size, 2 * size + 16384);

const both = (...damages: Damage[]): Damage => (image, size) =>
  damages.forEach((damage) => damage(image, size));

export const SCENARIOS: readonly Scenario[] = [
  scenario("sound disk"),
  scenario("sound disk, 4096-byte sectors", null, { sectorSize: 4096 }),
  scenario("sound disk, entries of 256 bytes", null, { entrySize: 256, entryCount: 64 }),
  scenario("sound disk, headers of 512 bytes", null, { headerSize: 512 }, { perfect: false }),
  scenario("sound disk, primary table in sector 4", null, { tableLba: 4 }),
  scenario("backup header lost", noBackupHeader),
  scenario("backup header lost, 4096-byte sectors", noBackupHeader, { sectorSize: 4096 }),
  scenario("backup table rubbish", rubbishBackupTable),
  scenario("backup header lost and table rubbish", both(noBackupHeader, rubbishBackupTable)),
  scenario("primary header lost", lost(1)),
  scenario("primary header lost, 4096-byte sectors", lost(1), { sectorSize: 4096 }),
  scenario("primary header lost and table rubbish", both(lost(1), rubbishPrimaryTable)),
  scenario("primary header lost, its table was in sector 4", lost(1), { tableLba: 4 }),
  scenario("primary header lost, headers of 512 bytes", lost(1), { headerSize: 512 }, { perfect: false }),
  scenario("primary table rubbish", rubbishPrimaryTable),
  scenario("primary table rubbish, 4096-byte sectors", rubbishPrimaryTable, { sectorSize: 4096 }),
  scenario("primary table rubbish, headers of 512 bytes", rubbishPrimaryTable, { headerSize: 512 }, {
    perfect: false,
  }),
  scenario("primary table in sector 4 rubbish", lost(4, 1), { tableLba: 4 }),
  scenario("disk has grown", null, { sectors: 200, backupLba: 150 }, { displaced: true }),
  scenario("disk has grown, backup header lost", lost(150), { sectors: 200, backupLba: 150 }),
  scenario("disk has grown, backup table rubbish", lost(150 - 32, 32), { sectors: 200, backupLba: 150 }),
];
