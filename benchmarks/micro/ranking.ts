/** Ranking by the two runners of a language model. */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { generateShop } from "../../lib/data/shop/index.js";
import { split } from "../../lib/data/split.js";
import type { LanguageModel, RankRequest } from "../../lib/llm/languageModel.js";
import { LlamaCpp } from "../../lib/llm/llamaCpp.js";
import { LlamaNetwork } from "../../lib/llm/pocket/network.js";
import { PocketLlama } from "../../lib/llm/pocket/pocketLlama.js";
import { titleText } from "../../lib/llm/prompts/render.js";
import { catalogueTokenizer } from "../../lib/llm/tuning/catalogueTokenizer.js";
import { POCKET_SHAPE } from "../../lib/llm/tuning/options.js";
import { writeTuned } from "../../lib/llm/tuning/tunedModel.js";
import { describe } from "../../lib/native/errors.js";
import { duel } from "./duel.js";
import type { Bench, Part } from "./part.js";
import type { Work } from "./row.js";
import type { Task } from "./timing.js";

const shop = { users: 600, items: 3000, interactions: 60_000 };
/** Of prompts before the candidates. */
const promptTokens = [255, 500];

/** A call takes 10 to 2,000 ms. */
const seconds = 3;

/** Weights do not matter for the speed, so without a file they are random. */
export const ranking: Part = async (bench) => {
  const folder = await mkdtemp(join(tmpdir(), "llama4rec-bench-"));
  try {
    const { train: view } = split(generateShop(shop));
    const path = bench.modelPath ?? join(folder, "random.gguf");
    if (bench.modelPath === null) {
      const tokenizer = catalogueTokenizer(view, POCKET_SHAPE.vocabulary);
      const width = POCKET_SHAPE.dimension / POCKET_SHAPE.heads;
      const shape = { ...POCKET_SHAPE, width, vocabulary: tokenizer.size };
      using network = LlamaNetwork.random(shape, 1);
      const { vocabulary } = tokenizer;
      await writeTuned(path, { kind: "pocket", shape, vocabulary, weights: network.weights() });
    }
    await using pocket = await PocketLlama.load({ modelPath: path });
    await using llamaCpp = await openLlamaCpp(bench, path);
    const works: Work[] = [];
    for (const tokens of promptTokens.filter((count) => count + 40 <= pocket.contextSize))
      works.push(...(await after(tokens, { pocket, llamaCpp, titles: view.titles })));
    return works;
  } finally {
    await rm(folder, { recursive: true });
  }
};

/** The rival is an optional package. */
async function openLlamaCpp(bench: Bench, modelPath: string): Promise<LlamaCpp | null> {
  try {
    return await LlamaCpp.load({ modelPath });
  } catch (error) {
    bench.note(`llama.cpp: ${error instanceof Error ? error.message : describe(error)}`);
    return null;
  }
}

interface Models {
  readonly pocket: PocketLlama;
  readonly llamaCpp: LlamaCpp | null;
  readonly titles: readonly string[];
}

/** By likelihood, and by labels where the model has them. */
async function after(tokens: number, { pocket, llamaCpp, titles }: Models): Promise<Work[]> {
  const candidates = titles.slice(0, 20).map(titleText);
  const likelihood = requests(pocket, titles, tokens, { candidates, mode: "likelihood" });
  const works = [
    await timed(`20 titles after ${tokens} tokens`, (model) => inTurns(model, likelihood), pocket, llamaCpp),
  ];
  const labels = pocket.labels(10);
  if (labels === null) return works;
  const names = labels.names.map((name) => labels.lead + name);
  const labelled = requests(pocket, titles, tokens, { candidates: names, mode: "labels" });
  const asked = (model: LanguageModel): Task => inTurns(model, labelled);
  works.push(await timed(`10 labels after ${tokens} tokens`, asked, pocket, llamaCpp));
  return works;
}

async function timed(
  name: string,
  ask: (model: LanguageModel) => Task,
  pocket: PocketLlama,
  llamaCpp: LlamaCpp | null,
): Promise<Work> {
  const rivals = llamaCpp === null ? [] : ([["llama.cpp, prefix kept", ask(llamaCpp)]] as const);
  return { name, ...(await duel(ask(pocket), new Map(rivals), { seconds })) };
}

/** Two requests that begin differently, so that taking turns no evaluated prefix is of use to the next. */
function requests(
  model: LanguageModel,
  titles: readonly string[],
  tokens: number,
  request: Omit<RankRequest, "prefix">,
): RankRequest[] {
  return [0, 1].map((turn) => {
    let prefix = "";
    for (let i = 20 + turn; model.countTokens(prefix) < tokens; i += 2) prefix += titleText(titles[i]);
    return { ...request, prefix };
  });
}

function inTurns(model: LanguageModel, turns: readonly RankRequest[]): Task {
  let turn = 0;
  return async () => {
    const { answered } = await model.rank(turns[turn++ % 2]);
    if (!answered) throw new Error("expected an answer");
  };
}
