import { batchOf, type PrefixAndTails } from "./batch.js";
import type { Pass } from "./pass.js";

/** Tokens of a pass, its prefix included, if the tails can be parted: what bounds memory. */
const PASS_TOKENS = 4096;

/** A pass that reads the log-probability of every token of some tails. */
export interface LikelihoodPass {
  readonly pass: Pass;
  /** `[rows]`: the tail whose token is read, tail after tail and token after token. */
  readonly owners: Int32Array;
}

/** The passes that read how likely tails are after a prefix: one, unless they are very many. */
export function* likelihoodPasses({ prefix, tails }: PrefixAndTails): Generator<LikelihoodPass> {
  for (let first = 0; first < tails.length; ) {
    let end = first;
    let tokens = prefix.length;
    do tokens += tails[end++].length;
    while (end < tails.length && tokens + tails[end].length <= PASS_TOKENS);
    yield likelihoodPass({ prefix, tails: tails.slice(first, end) }, first);
    first = end;
  }
}

/** @param first Place of the first of these tails among all. */
function likelihoodPass({ prefix, tails }: PrefixAndTails, first: number): LikelihoodPass {
  // The last token of a tail is predicted and never read.
  const read = tails.map((tail) => Array.from(tail).slice(0, -1));
  const batch = batchOf([{ prefix, tails: read }]);
  const rows: number[] = [];
  const targets: number[] = [];
  const owners: number[] = [];
  for (const [i, tail] of tails.entries())
    for (let at = 0; at < tail.length; at++) {
      rows.push(at === 0 ? prefix.length - 1 : batch.segments[i + 1] + at - 1);
      targets.push(tail[at]);
      owners.push(first + i);
    }
  const pass: Pass = {
    batch,
    rows: Int32Array.from(rows),
    read: { kind: "logProbabilities", targets: Int32Array.from(targets) },
  };
  return { pass, owners: Int32Array.from(owners) };
}
