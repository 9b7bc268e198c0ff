import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { generateShop } from "../../lib/data/shop/index.js";
import { split } from "../../lib/data/split.js";
import type { LanguageModel, RankRequest } from "../../lib/llm/languageModel.js";
import { LlamaCpp } from "../../lib/llm/llamaCpp.js";
import { batchOf } from "../../lib/llm/pocket/batch.js";
import { LlamaNetwork } from "../../lib/llm/pocket/network.js";
import { PocketLlama } from "../../lib/llm/pocket/pocketLlama.js";
import { titleText } from "../../lib/llm/prompts/render.js";
import { catalogueTokenizer } from "../../lib/llm/tuning/catalogueTokenizer.js";
import { POCKET_SHAPE } from "../../lib/llm/tuning/options.js";
import { writeTuned } from "../../lib/llm/tuning/tunedModel.js";
import { native, setThreads, threads } from "../../lib/native/addon.js";
import { backward, dense, item, softmaxLoss, step } from "../../lib/native/autograd.js";
import { Adam } from "../../lib/native/optimizer.js";
import { duration } from "./timing.js";

const shop = { users: 600, items: 3000, interactions: 60_000 };

/**
 * Ranking by both runners and training of a pocket model. One thread each; weights do not matter for the speed.
 * @param modelPath A GGUF; null: one of the default shape with random weights.
 */
export async function languageModelLines(modelPath: string | null): Promise<string[]> {
  const folder = await mkdtemp(join(tmpdir(), "llama4rec-bench-"));
  try {
    const { train: view } = split(generateShop(shop));
    const path = modelPath ?? join(folder, "random.gguf");
    if (modelPath === null) {
      const tokenizer = catalogueTokenizer(view, POCKET_SHAPE.vocabulary);
      const width = POCKET_SHAPE.dimension / POCKET_SHAPE.heads;
      const shape = { ...POCKET_SHAPE, width, vocabulary: tokenizer.size };
      using network = LlamaNetwork.random(shape, 1);
      const { vocabulary } = tokenizer;
      await writeTuned(path, { kind: "pocket", shape, vocabulary, weights: network.weights() });
    }
    return [...(await rankingLines(path, view.titles)), ...trainingLines()];
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function rankingLines(modelPath: string, titles: readonly string[]): Promise<string[]> {
  await using pocket = await PocketLlama.load({ modelPath });
  await using llamaCpp = await LlamaCpp.load({ modelPath });
  const lines: string[] = [];
  for (const tokens of [255, 500]) {
    if (tokens + 40 > pocket.contextSize) continue;
    const candidates = titles.slice(0, 20).map(titleText);
    const likelihood = requests(pocket, titles, tokens, { candidates, mode: "likelihood" });
    const mean = candidates.reduce((sum, title) => sum + pocket.countTokens(title), 0) / candidates.length;
    const [own, kept, naive] = [
      await medianRank(pocket, likelihood),
      await medianRank(llamaCpp, likelihood),
      await medianRank(llamaCpp, likelihood, naively),
    ];
    lines.push(
      `20 candidates of ${mean.toFixed(1)} tokens by likelihood after ${tokens} tokens: PocketLlama ${duration(own)}, ` +
        `llama.cpp ${duration(kept)} (${(kept / own).toFixed(1)}x), evaluated anew for each candidate ` +
        `${duration(naive)} (${(naive / own).toFixed(1)}x)`,
    );
    const labels = pocket.labels(10);
    if (labels === null) continue;
    const names = labels.names.map((name) => labels.lead + name);
    const labelled = requests(pocket, titles, tokens, { candidates: names, mode: "labels" });
    const [fast, slow] = [await medianRank(pocket, labelled), await medianRank(llamaCpp, labelled)];
    lines.push(
      `10 labels in one prefill of ${tokens} tokens: PocketLlama ${duration(fast)}, ` +
        `llama.cpp ${duration(slow)} (${(slow / fast).toFixed(1)}x)`,
    );
  }
  return lines;
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

type Ask = (model: LanguageModel, turns: readonly RankRequest[], turn: number) => Promise<void>;

const asOne: Ask = async (model, turns, turn) => check(await model.rank(turns[turn % 2]));

/** Each candidate in a request of its own, between which the other prefix takes the cache. */
const naively: Ask = async (model, turns) => {
  for (const [i, candidate] of turns[0].candidates.entries())
    check(await model.rank({ ...turns[i % 2], candidates: [candidate] }));
};

function check({ answered }: { readonly answered: boolean }): void {
  if (!answered) throw new Error("expected an answer");
}

/** Median seconds of a ranking. */
async function medianRank(model: LanguageModel, turns: readonly RankRequest[], ask = asOne): Promise<number> {
  const times: number[] = [];
  const end = performance.now() + 3000;
  for (let turn = 0; turn < 10 || performance.now() < end; turn++) {
    const start = performance.now();
    await ask(model, turns, turn);
    if (turn >= 2) times.push((performance.now() - start) / 1000); // the first ones warm up
  }
  return times.sort((a, b) => a - b)[times.length >> 1];
}

const rows = { count: 16, prefix: 250, tails: 20, tail: 19, answer: 4 } as const;

/** Tokens a second of training steps over full rows, and the share of the FMA limit. */
function trainingLines(): string[] {
  const { vocabulary, dimension: d, blocks, hidden, heads, kvHeads } = POCKET_SHAPE;
  const shape = { ...POCKET_SHAPE, width: d / heads };
  const token = (i: number): number => (i * 7919) % vocabulary;
  const tokensOf = (count: number, from: number): number[] =>
    Array.from({ length: count }, (_, i) => token(from + i));
  const batch = batchOf(
    Array.from({ length: rows.count }, (_, row) => ({
      prefix: tokensOf(rows.prefix, 1000 * row),
      tails: Array.from({ length: rows.tails }, (_, tail) => tokensOf(rows.tail, 1000 * row + 40 * tail)),
    })),
  );
  // What is learnt: the whole prefix, and the answer at the end of each tail.
  const read = rows.prefix + rows.tails * rows.tail;
  const learnt = Array.from({ length: read }, (_, i) => i).filter(
    (i) => i < rows.prefix || (i - rows.prefix) % rows.tail >= rows.tail - rows.answer - 1,
  );
  const sources = Int32Array.from(
    Array.from({ length: rows.count }, (_, row) => learnt.map((i) => row * read + i)).flat(),
  );
  const targets = sources.map((_, i) => token(3 * i));
  const weights = Float32Array.from(sources, (_, i) => 0.3 + (i % 3) / 3);

  // Multiply-adds of a step, times two: products thrice (forward, both gradients), attention likewise.
  const perToken = d * d * (2 + (2 * kvHeads) / heads) + 3 * d * hidden;
  const seen = (rows.prefix * rows.prefix) / 2 + rows.tails * rows.tail * (rows.prefix + rows.tail / 2);
  const attention = 2 * d * blocks * rows.count * seen;
  const products = perToken * blocks * batch.tokens.length + d * vocabulary * sources.length + attention;

  const before = threads();
  const lines: string[] = [];
  for (const count of new Set([1, before])) {
    setThreads(count);
    using network = LlamaNetwork.random(shape, 1);
    using optimizer = new Adam(network.parameters, { beta2: 0.99, weightDecay: 0.01, maxNorm: 1 });
    const train = (number: number): number =>
      step(
        () => {
          const states = network.states(batch, { dropout: 0.1, rows: sources });
          const loss = softmaxLoss(states, dense(network.head), targets, weights);
          backward(loss);
          optimizer.apply();
          return item(loss);
        },
        { seed: 1, step: number },
      );
    const times: number[] = [];
    for (let number = 0; number < 8; number++) {
      const start = performance.now();
      train(number);
      if (number >= 2) times.push((performance.now() - start) / 1000);
    }
    const median = times.sort((a, b) => a - b)[times.length >> 1];
    const gigaflops = (6 * products) / median / 1e9;
    const limit = native().fmaRate(count);
    lines.push(
      `Training a pocket Llama (${rows.count} rows of ${read} tokens, ${learnt.length} of them learnt): ` +
        `${Math.round(batch.tokens.length / median).toLocaleString("en")} tokens/s with ${count} ` +
        `${count === 1 ? "thread" : "threads"}, ${gigaflops.toFixed(1)} of ${limit.toFixed(1)} GFLOP/s ` +
        `(${((100 * gigaflops) / limit).toFixed(0)} % of the FMA limit)`,
    );
  }
  setThreads(before);
  return lines;
}
