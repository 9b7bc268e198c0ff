import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { Llama4RecError } from "../native/errors.js";

/** `llama4rec build`: compiles the native engine inside the package. No install script does it behind one's back. */
export function build(): void {
  const cmakeJs = dirname(createRequire(import.meta.url).resolve("cmake-js/package.json"));
  const { status } = spawnSync(
    process.execPath,
    [join(cmakeJs, "bin", "cmake-js"), "build", "--target", "addon", "--parallel", "2"],
    { cwd: fileURLToPath(new URL("../../../", import.meta.url)), stdio: "inherit" },
  );
  if (status !== 0)
    throw new Llama4RecError(
      "E_ADDON",
      "the native engine did not build: expected a C++20 compiler and CMake 3.22",
    );
}
