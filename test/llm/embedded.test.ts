/** The model that the package carries is the one its digest names, small, and one that the own engine runs. */
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import test from "ava";
import { embeddedModel } from "../../lib/llm/embedded.js";
import { readGgufHeader } from "../../lib/llm/gguf/header.js";
import { pocketModel } from "../../lib/llm/pocket/pocketFile.js";

test("the embedded model is the file in models, and what its digest says", async (t) => {
  const model = embeddedModel();
  t.is(model !== null, existsSync("models/shop.gguf"));
  if (model === null) return;
  const file = readFileSync(model.modelPath);
  t.is(createHash("sha256").update(file).digest("hex"), model.sha256);
  t.true(file.length <= 3e6, `${file.length} bytes`);
  t.true(pocketModel(await readGgufHeader(model.modelPath)).runs);
});
