/**
 * What the system's own programs are given for an environment: nothing that is set for us reaches them, and
 * what they say is in the words that we look for.
 */
export const CHILD_ENVIRONMENT: Readonly<Record<string, string>> = {
  PATH: "/usr/sbin:/usr/bin:/sbin:/bin",
  LC_ALL: "C",
};
