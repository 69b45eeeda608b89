/** The program's own version; a test keeps it the same as deno.json's. */
export const VERSION = "0.1.0";
