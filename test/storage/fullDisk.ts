// Replaces a file by 10 MB, which a limit on the size of files does not allow here; prints the error's code.
import { Llama4RecError } from "../../lib/native/errors.js";
import { replaceFile } from "../../lib/storage/atomicFile.js";

try {
  await replaceFile(process.argv[2], [Buffer.alloc(10_000_000)]);
} catch (error) {
  console.log(error instanceof Llama4RecError ? `${error.code} ${error.message}` : error);
}
