/**
 * Values of `$?` that commands leave behind, as GRUB shows them.
 *
 * @module
 */
export const STATUS = {
  ok: 0,
  testFailed: 1,
  fileNotFound: 5,
  badFilename: 7,
  badNumber: 10,
  unknownDevice: 12,
  badDevice: 13,
  invalidCommand: 17,
  badArgument: 18,
  noKernel: 22,
  menu: 27,
} as const;
