/**
 * Taking credentials out of texts that are about to be given away.
 *
 * The same value gets the same mask of the same length everywhere, so that a configuration and the command
 * line that it leads to still agree, and a decision made from masked texts is the decision made from the real
 * ones. Masks are numbered, not hashed: nothing of a value can be worked out from its mask.
 *
 * @module
 */

/** Names that end so are credentials'; the short ones only as the last word of a name (`rd.iscsi.pw`). */
const LONG_NAMES = "password|passwd|passphrase|token|secret|credentials?|signature|apikey";
const SHORT_NAMES = "pass|pw|key|auth|sig|psk|pin";
const NAME = `[A-Za-z0-9_.-]{0,64}(?:${LONG_NAMES})|(?:[A-Za-z0-9_.-]{0,64}[_.-])?(?:${SHORT_NAMES})`;

/**
 * A quoted value, in quotes that may themselves be escaped, or a bare one. Every repetition is bounded, above
 * what a command line can hold, so that no file takes longer than its length.
 */
const VALUE = [
  String.raw`(?<open>\\?")(?<inDouble>(?:[^"\\]|\\[^"]){0,4096})\\?"`,
  String.raw`(?<openSingle>\\?')(?<inSingle>[^'\\]{0,4096})\\?'`,
  // Not closed by what may be the end of a quoted word or of a command.
  String.raw`(?<bare>(?:\\.|[^\s"\\]){0,4096}(?:\\.|[^\s"';\\]))`,
].join("|");

/** `name=value`; with `:` or with blanks only before a quoted value, as TOML and JSON have it. */
const ASSIGNMENT = new RegExp(
  String
    .raw`(?<before>^|[^A-Za-z0-9_.-])(?<name>${NAME})(?<equals>=|["']?\s{0,8}[:=]\s{0,8}(?=["']))(?:${VALUE})`,
  "gim",
);
/** `scheme://user:password@host` and dracut's `iscsi:user:password@host`. */
const USERINFO = /(?<before>\/\/|\biscsi:)(?<bare>[^\s\/@"']{1,256})(?=@)/g;
/** GRUB's own commands of that name. */
const GRUB_PASSWORD =
  /^(?<before>[ \t]{0,64}password(?:_pbkdf2)?[ \t]{1,64}\S{1,256}[ \t]{1,64})(?<bare>[^\s"']{1,4096})/gm;

/** Shorter values are masked where they are named as credentials, but not looked for elsewhere. */
const SEARCHED_LENGTH = 8;

export interface Masker {
  /** The text with the values masked that are named as credentials in it. */
  mask(text: string): string;
  /** Then, with all texts seen: the long values wherever else they occur, unless one occurs in `kept`. */
  sweep(text: string, kept: readonly string[]): string;
}

export function createMasker(): Masker {
  const masks = new Map<string, string>();
  const given = new Set<string>();

  const maskOf = (value: string): string => {
    // What a shell-like quoting added is no part of the value.
    const bare = value.replaceAll("\\", "");
    const known = masks.get(bare);
    if (known !== undefined) return known;
    const number = String(masks.size + 1);
    const mask = value.length >= 7 + number.length
      ? `masked-${number.padStart(value.length - 7, "0")}`
      : number.padStart(value.length, "x");
    masks.set(bare, mask);
    given.add(mask);
    return mask;
  };

  const isKept = (name: string, value: string): boolean =>
    // A reference to a variable, whose value is masked where it is; or the path of a key, which is no secret.
    value === "" || value.startsWith("$") || given.has(value) ||
    (value.startsWith("/") && !/pass|pw|secret/i.test(name));

  return {
    mask(text) {
      return text
        .replace(USERINFO, (...found) => {
          const { before = "", bare = "" } = groupsOf(found);
          return before + (isKept("password", bare) ? bare : maskOf(bare));
        })
        .replace(GRUB_PASSWORD, (...found) => {
          const { before = "", bare = "" } = groupsOf(found);
          return before + (isKept("password", bare) ? bare : maskOf(bare));
        })
        .replace(ASSIGNMENT, (...found) => {
          const { before = "", name = "", equals = "", open, inDouble, openSingle, inSingle, bare } =
            groupsOf(found);
          const head = before + name + equals;
          if (bare !== undefined) {
            // In a URL's query the next parameter follows.
            const end = /[?&]/.test(before) ? bare.search(/[&#]/) : -1;
            const value = end < 0 ? bare : bare.slice(0, end);
            return head + (isKept(name, value) ? value : maskOf(value)) + bare.slice(value.length);
          }
          const quote = open ?? openSingle ?? "";
          const value = inDouble ?? inSingle ?? "";
          return head + quote + (isKept(name, value) ? value : maskOf(value)) + quote;
        });
    },
    sweep(text, kept) {
      let swept = text;
      for (const [value, mask] of masks) {
        if (value.length < SEARCHED_LENGTH || kept.some((path) => path.includes(value))) continue;
        swept = swept.replaceAll(value, mask);
      }
      return swept;
    },
  };
}

/** The named groups, which `replace` gives as the last argument. */
function groupsOf(found: readonly unknown[]): Readonly<Record<string, string | undefined>> {
  const groups: unknown = found.at(-1);
  const values: Record<string, string> = {};
  if (typeof groups !== "object" || groups === null) return values;
  for (const [name, value] of Object.entries(groups)) {
    if (typeof value === "string") values[name] = value;
  }
  return values;
}
