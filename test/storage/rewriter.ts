// Rewrites one file over and over, each time with the next version's number everywhere in it, until it is killed.
// Prints each version once it is told that it is on disk.
import { writeSync } from "node:fs";
import { writeTensorFile } from "../../lib/storage/safetensors.js";

const [path, first] = process.argv.slice(2);
for (let version = Number(first); ; version++) {
  const values = new Float32Array(100_000 + (version % 7) * 1000).fill(version);
  await writeTensorFile(path, {
    kind: "checkpoint",
    metadata: { version_of_test: String(version) },
    tensors: new Map([
      ["a", { shape: [values.length], values }],
      ["b", { shape: [1], values: Int32Array.of(version) }],
    ]),
  });
  writeSync(1, `${version}\n`);
}
