/** One A/B slot as its GPT entry has it: an entry of Flatcar's root file system type. */
export interface SlotState {
  /** Partition number, counted from 1. */
  readonly partition: number;
  /** Unique partition GUID, lower-case 8-4-4-4-12. */
  readonly partuuid: string;
  /** GPT partition name: `USR-A`. */
  readonly label: string;
  /** 0 (never booted) to 15; attribute bits 48-51. */
  readonly priority: number;
  /** 0 to 15; attribute bits 52-55. */
  readonly tries: number;
  /** Attribute bit 56. */
  readonly successful: boolean;
}
