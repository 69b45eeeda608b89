/**
 * Which modules a plugin wants at run time that are not node: modules.
 *
 * @module
 */
import * as v from "valibot";

/** The part of Bun.Transpiler that is used; other runtimes have none, and find out when they import. */
const SCANNER = v.object({ scanImports: v.function() });
const FOUND = v.array(v.object({ path: v.string() }));

/** Specifiers other than node: modules; imports of types alone do not count. */
export function foreignImports(text: string, language: "js" | "ts"): readonly string[] {
  const scanner = transpiler(language);
  if (scanner === null) return [];
  let found: unknown;
  try {
    found = scanner(text);
  } catch {
    // A syntax error: importing the module says so with its place.
    return [];
  }
  const paths = v.safeParse(FOUND, found);
  if (!paths.success) return [];
  return paths.output.map((one) => one.path).filter((path) => !path.startsWith("node:"));
}

function transpiler(loader: "js" | "ts"): ((text: string) => unknown) | null {
  const bun: unknown = Reflect.get(globalThis, "Bun");
  if (typeof bun !== "object" || bun === null) return null;
  const Transpiler: unknown = Reflect.get(bun, "Transpiler");
  if (typeof Transpiler !== "function") return null;
  const instance: unknown = Reflect.construct(Transpiler, [{ loader }]);
  const scanner = v.safeParse(SCANNER, instance);
  if (!scanner.success || typeof instance !== "object" || instance === null) return null;
  return (text) => Reflect.apply(scanner.output.scanImports, instance, [text]);
}
