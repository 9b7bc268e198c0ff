import { createRequire } from "node:module";

const packages = createRequire(new URL("../../../benchmarks/peers/package.json", import.meta.url));

/** A rival's package, or why there is none. `npm run bench:peers` installs them. */
export function openPackage<T>(name: string): { readonly package: T } | { readonly missing: string } {
  try {
    return { package: packages(name) as T };
  } catch (error) {
    const absent = error instanceof Error && "code" in error && error.code === "MODULE_NOT_FOUND";
    const reason = absent
      ? "not installed"
      : error instanceof Error
        ? error.message.split("\n")[0]
        : String(error);
    return { missing: `${name}: ${reason}` };
  }
}
