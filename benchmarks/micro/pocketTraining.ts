/** Training steps of a pocket Llama over full rows. */

import { batchOf } from "../../lib/llm/pocket/batch.js";
import { LlamaNetwork } from "../../lib/llm/pocket/network.js";
import { POCKET_SHAPE } from "../../lib/llm/tuning/options.js";
import { softmaxLoss } from "../../lib/native/autograd.js";
import { Adam } from "../../lib/native/optimizer.js";
import { backward, dense, item, step } from "../../lib/native/tape.js";
import type { Part } from "./part.js";
import { QUOTED_NOTE, quoted, quotedSeconds } from "./quoted.js";
import { byCpu } from "./row.js";
import { race } from "./timing.js";

const rows = { count: 16, prefix: 250, tails: 20, tail: 19, answer: 4 } as const;

export const pocketTraining: Part = async (bench) => {
  const { vocabulary, dimension: d, blocks, hidden, heads, kvHeads } = POCKET_SHAPE;
  const { batch, sources, targets, weights } = fullRows(vocabulary);
  using network = LlamaNetwork.random({ ...POCKET_SHAPE, width: d / heads }, 1);
  using optimizer = new Adam(network.parameters, { beta2: 0.99, weightDecay: 0.01, maxNorm: 1 });
  let number = 0;
  const train = (): number =>
    step(
      () => {
        const states = network.states(batch, { dropout: 0.1, rows: sources });
        const loss = softmaxLoss(states, dense(network.head), targets, weights);
        backward(loss);
        optimizer.apply();
        return item(loss);
      },
      { seed: 1, step: number++ },
    );
  const { ours } = await race({ ours: train }, { seconds: 5, rounds: 5 });

  // Multiply-adds of a step, times two: products thrice (forward, both gradients), attention likewise.
  const perToken = d * d * (2 + (2 * kvHeads) / heads) + 3 * d * hidden;
  const seen = (rows.prefix * rows.prefix) / 2 + rows.tails * rows.tail * (rows.prefix + rows.tail / 2);
  const attention = 2 * d * blocks * rows.count * seen;
  const tokens = batch.tokens.length;
  const products = perToken * blocks * tokens + d * vocabulary * sources.length + attention;
  return [
    {
      name: `pocket Llama, step of ${tokens.toLocaleString("en")} tokens`,
      unit: "CPU s/step",
      ours: byCpu(ours),
      rivals: [quoted(bench, quotedSeconds.pocketToken, tokens)],
      limit: { name: "float32 FMA limit", seconds: (6 * products) / bench.machine.limits.fma / 1e9 },
      goals: { peer: 2 },
      note: QUOTED_NOTE,
    },
  ];
};

/** Full rows of a prompt and its tails, and what is learnt: the whole prefix, and the answer at the end of each tail. */
function fullRows(vocabulary: number) {
  const token = (i: number): number => (i * 7919) % vocabulary;
  const tokensOf = (count: number, from: number): number[] =>
    Array.from({ length: count }, (_, i) => token(from + i));
  const batch = batchOf(
    Array.from({ length: rows.count }, (_, row) => ({
      prefix: tokensOf(rows.prefix, 1000 * row),
      tails: Array.from({ length: rows.tails }, (_, tail) => tokensOf(rows.tail, 1000 * row + 40 * tail)),
    })),
  );
  const read = rows.prefix + rows.tails * rows.tail;
  const learnt = Array.from({ length: read }, (_, i) => i).filter(
    (i) => i < rows.prefix || (i - rows.prefix) % rows.tail >= rows.tail - rows.answer - 1,
  );
  const sources = Int32Array.from(
    Array.from({ length: rows.count }, (_, row) => learnt.map((i) => row * read + i)).flat(),
  );
  const targets = sources.map((_, i) => token(3 * i));
  const weights = Float32Array.from(sources, (_, i) => 0.3 + (i % 3) / 3);
  return { batch, sources, targets, weights };
}
