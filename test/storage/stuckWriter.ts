// Writes half of a file and then hangs: a writer that lives, until it is killed.
import { writeSync } from "node:fs";
import { replaceFile } from "../../lib/storage/atomicFile.js";

function* parts(): Generator<Uint8Array> {
  yield Buffer.from("half of ");
  writeSync(1, "half\n");
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
}

await replaceFile(process.argv[2], parts());
