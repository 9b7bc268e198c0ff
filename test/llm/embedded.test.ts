import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import test from "ava";
import { Random } from "../../lib/data/random.js";
import { generateShop } from "../../lib/data/shop/index.js";
import { split } from "../../lib/data/split.js";
import { embeddedModel } from "../../lib/llm/embedded.js";
import { readGgufHeader } from "../../lib/llm/gguf/header.js";
import { PocketLlama } from "../../lib/llm/pocket/pocketLlama.js";
import { buildPairPrompt, buildRankingPrompt } from "../../lib/llm/prompts/build.js";
import { historyOf } from "../../lib/llm/prompts/history.js";
import { SEQUENTIAL_TEMPLATE } from "../../lib/llm/prompts/sequential.js";

const found = embeddedModel();

test("the package carries a pocket model of the generated shop, small and with a known digest", async (t) => {
  if (found === null) return t.fail("models/shop.gguf is not there");
  const bytes = readFileSync(found.modelPath);
  t.true(bytes.length <= 3_000_000);
  t.is(createHash("sha256").update(bytes).digest("hex"), found.sha256);
  const { metadata } = await readGgufHeader(found.modelPath);
  t.is(metadata.get("llama4rec.format"), "pocket-1");
  const words = new Set(generateShop().titles.flatMap((title) => title.split(" ")));
  const pieces = metadata.get("tokenizer.ggml.tokens");
  const longest = Array.isArray(pieces) ? pieces.map(String).filter((piece) => piece.length > 12) : [];
  t.true(longest.length > 20);
  for (const piece of longest.filter((text) => /^▁The▁[A-Z]/.test(text)))
    for (const word of piece.split("▁").slice(1, -1)) t.true(words.has(word), piece);
});

test("it finds what a reader of the shop takes up next far better than chance, by title and by pair", async (t) => {
  if (found === null) return t.fail("models/shop.gguf is not there");
  await using model = await PocketLlama.load({ ...found, worker: false });
  const shop = generateShop();
  const { train, validation } = split(shop);
  const random = new Random(1);
  let [hits, pairs, asked] = [0, 0, 0];
  for (let row = 0; row < validation.users.length; row += 5) {
    const [user, target] = [validation.users[row], validation.items[row]];
    const others: number[] = [];
    while (others.length < 9) {
      const item = random.below(train.itemCount);
      if (!train.has(user, item) && item !== target && !others.includes(item)) others.push(item);
    }
    const history = historyOf(train, user, 45);
    const candidates = [target, ...others].map((item) => train.titles[item]);
    const options = { model, template: SEQUENTIAL_TEMPLATE };
    const ranked = await model.rank(
      buildRankingPrompt({ history, candidates }, { ...options, mode: "likelihood" }),
    );
    const items = [candidates[0], candidates[1]] as const;
    const compared = await model.compare(buildPairPrompt({ history, items }, options));
    if (!ranked.answered || !compared.answered) return t.fail("no answer");
    asked++;
    if (ranked.order.indexOf(0) < 3) hits++;
    if (compared.preferred === 0) pairs++;
  }
  t.true(hits / asked > 0.5, `HR@3 ${hits / asked} of 1 + 9 uniform items, chance .3`);
  t.true(pairs / asked > 0.6, `${pairs / asked} of pairs, chance .5`);
});
