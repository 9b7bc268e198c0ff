/** Files of augmented data: what is written is read back, and nothing joins where it does not belong. */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import {
  type AugmentationArtefact,
  readAugmentation,
  writeAugmentation,
} from "../../lib/augmentation/artefact.js";
import { augmentAttributes } from "../../lib/augmentation/attributeAugmentation.js";
import { augmentPairs, pairTriples } from "../../lib/augmentation/pairAugmentation.js";
import { augmentSequences } from "../../lib/augmentation/sequenceAugmentation.js";
import { generateShop } from "../../lib/data/shop/index.js";
import { split } from "../../lib/data/split.js";
import { BOOK_ATTRIBUTES } from "../../lib/llm/prompts/attributes.js";
import { factorRanker } from "../../lib/models/factorRanker.js";
import { packageVersion } from "../../lib/native/packageVersion.js";
import { folderOf } from "../datasets/temporary.js";
import { TextModel } from "./textModel.js";

const shop = generateShop({ users: 30, items: 50, interactions: 360 });
const { train, digest } = split(shop);
const other = split(shop, { protocol: "standard" }).digest;
const factors = {
  dimension: 1,
  users: new Float32Array(train.userCount).fill(1),
  items: Float32Array.from({ length: train.itemCount }, (_, item) => item),
  itemBiases: null,
};
const model = new TextModel(
  (title) => title.length,
  (prompt) => (prompt.length % 3 === 0 ? null : `{"genre": "Sonett", "pageLength": ${prompt.length}}`),
);

/** One of each recipe. */
async function artefacts(): Promise<AugmentationArtefact[]> {
  using ranker = factorRanker({ kind: "factors", name: "MF", factors });
  const pairs = await augmentPairs(model, ranker, train, { seed: 1, source: "both", pairs: 2 });
  const sequences = await augmentSequences(model, train, { seed: 2, insertions: 2 });
  const attributes = await augmentAttributes(model, train, { template: BOOK_ATTRIBUTES });
  return [pairs, sequences, attributes].map(
    ({ provenance, records }) => ({ ...provenance, split: digest, records }) as AugmentationArtefact,
  );
}

const made = artefacts();

async function written(t: ExecutionContext, artefact: AugmentationArtefact): Promise<string> {
  const path = join(folderOf(t, {}), "augmentation.jsonl");
  await writeAugmentation(path, artefact);
  return path;
}

test("each recipe's data is read back as it was written, and no title is in the file", async (t) => {
  for (const artefact of await made) {
    const path = await written(t, artefact);
    t.deepEqual(await readAugmentation(path, { split: digest, recipe: artefact.recipe }), artefact);
    t.deepEqual(await readAugmentation(path, { split: digest }), artefact);
    const text = await readFile(path, "utf8");
    for (const title of shop.titles) t.false(text.includes(title));
    const [header, ...lines] = text.trimEnd().split("\n");
    t.like(JSON.parse(header), {
      kind: "llama4rec augmentation",
      version: 1,
      package: packageVersion(),
      split: digest,
    });
    t.is(lines.length, artefact.counts.asked);
    t.true(artefact.counts.asked > 30);
  }
});

test("the same run makes the same bytes, more lines than are written at once included", async (t) => {
  const [pairs] = await made;
  if (pairs.recipe !== "pairs") return t.fail();
  const records = Array.from({ length: 9000 }, (_, at) => pairs.records[at % pairs.records.length]);
  const many = { ...pairs, records, counts: { asked: 9000, answered: 9000, used: 1 } };
  const [one, two] = [await written(t, many), await written(t, many)];
  t.true((await readFile(one)).equals(await readFile(two)));
  const read = await readAugmentation(one, { split: digest, recipe: "pairs" });
  t.is(read.records.length, records.length);
  t.is(pairTriples(read.records).join(), pairTriples(records).join());
});

test("data of another split or recipe is refused, naming both", async (t) => {
  const [pairs] = await made;
  const path = await written(t, pairs);
  await t.throwsAsync(readAugmentation(path, { split: other }), {
    code: "E_MISMATCH",
    message: `${path}: expected augmented data of split ${other}, got ${digest}`,
  });
  await t.throwsAsync(readAugmentation(path, { split: digest, recipe: "insertions" }), {
    code: "E_MISMATCH",
    message: `${path}: expected augmented data of recipe insertions, got pairs`,
  });
});

/** Replaces something in one line, from 1. */
function changed(text: string, line: number, from: RegExp | string, to: string): string {
  const lines = text.split("\n");
  const before = lines[line - 1];
  lines[line - 1] = before.replace(from, to);
  if (lines[line - 1] === before) throw new Error(`nothing to replace in ${before}`);
  return lines.join("\n");
}

test("broken lines are refused with file and line", async (t) => {
  const [pairs, insertions, attributes] = await made;
  const breaks: [
    artefact: AugmentationArtefact,
    line: number,
    from: RegExp | string,
    to: string,
    message: RegExp,
  ][] = [
    [pairs, 1, /^.*$/, "", /an object as JSON/],
    [pairs, 1, /"split":"[0-9a-f]+"/, '"split":"abc"', /a valid split/],
    [pairs, 1, '"recipe":"pairs"', '"recipe":"toString"', /a valid recipe/],
    [pairs, 1, '"seed":1', '"seed":-1', /a valid seed/],
    [pairs, 1, /"asked":\d+/, '"asked":0', /a valid counts/],
    [pairs, 1, '"pairs":2', '"pairs":{}', /a valid options/],
    [pairs, 2, /^\{/, "", /an object as JSON/],
    [pairs, 3, /"user":\d+/, '"user":-3', /a valid user/],
    [pairs, 3, /"items":\[\d+/, '"items":[1.5', /a valid items/],
    [pairs, 4, /"items":\[(\d+),\d+\]/, '"items":[$1,$1]', /a valid items/],
    [pairs, 4, /"source":"\w+"/, '"source":"oracle"', /a valid source/],
    [pairs, 4, /"promptHash":"./, '"promptHash":"x', /a valid promptHash/],
    [pairs, 5, /"preferred":\d/, '"preferred":2', /a valid answer/],
    [pairs, 5, /"margin":[\d.]+/, '"margin":null', /a valid answer/],
    [pairs, 5, /"answer":\{.*\}\}/, '"none":0}', /a valid answer/],
    [insertions, 2, /"position":\d+/, '"position":"0"', /a valid position/],
    [insertions, 2, /"candidates":\[[^\]]*\]/, '"candidates":[7]', /a valid candidates/],
    [insertions, 2, /"answer":\d+/, '"answer":4000', /a valid answer/],
    [attributes, 2, /"item":\d+/, '"item":null', /a valid item/],
    [attributes, 2, /"answer":.*\}$/, '"answer":{"genre":4}}', /a valid answer/],
    [attributes, 2, /"answer":.*\}$/, '"answer":{"genre":"a\\nb"}}', /a valid answer/],
  ];
  for (const [artefact, line, from, to, message] of breaks) {
    const path = await written(t, artefact);
    await writeFile(path, changed(await readFile(path, "utf8"), line, from, to));
    const error = await t.throwsAsync(readAugmentation(path, { split: digest }), { code: "E_CORRUPT" }, to);
    t.true(error?.message.startsWith(`${path}:${line}: damaged, expected `), error?.message);
    t.regex(error?.message ?? "", message);
  }
});

test("a file that was cut off anywhere is refused", async (t) => {
  const [, insertions] = await made;
  const path = await written(t, insertions);
  const text = await readFile(path, "utf8");
  const ends = Array.from({ length: 60 }, (_, n) => Math.floor((n * text.length) / 60));
  const lineEnds = [...text.matchAll(/\n/g)].slice(0, -1).map(({ index }) => index + 1);
  for (const end of [...ends, ...lineEnds, text.length - 1]) {
    await writeFile(path, text.slice(0, end));
    await t.throwsAsync(readAugmentation(path, { split: digest }), { code: "E_CORRUPT" }, `cut at ${end}`);
  }
});

test("other files and other versions are refused as such", async (t) => {
  const [pairs] = await made;
  const path = await written(t, pairs);
  const text = await readFile(path, "utf8");
  await writeFile(path, text.replace('"version":1', '"version":2'));
  await t.throwsAsync(readAugmentation(path, { split: digest }), {
    code: "E_VERSION",
    message: /of version 1, got version 2$/,
  });
  await writeFile(path, '{"kind":"llama4rec trials","version":1}\n');
  await t.throwsAsync(readAugmentation(path, { split: digest }), {
    code: "E_MISMATCH",
    message: /expected llama4rec augmentation, got "llama4rec trials"$/,
  });
  await t.throwsAsync(readAugmentation(`${path}.none`, { split: digest }), { code: "E_FILE" });
});

test("records that do not fit the counts are not written", async (t) => {
  const [pairs] = await made;
  const path = await written(t, pairs);
  const before = await readFile(path, "utf8");
  const fewer = { ...pairs, counts: { asked: 1, answered: 1, used: 1 } };
  await t.throwsAsync(writeAugmentation(path, fewer), { code: "E_ARGUMENT", message: /^records/ });
  t.is(await readFile(path, "utf8"), before);
});
