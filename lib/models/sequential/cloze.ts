import type { Random } from "../../data/random.js";
import type { SequenceBatch } from "../../native/sequenceSampler.js";
import { wordsBelow } from "./stepDraws.js";
import type { Tokens } from "./transformer.js";

/** How the Cloze task hides items. */
export interface ClozeOptions {
  /** Share of the items of a sequence that are hidden. */
  readonly maskRate: number;
  /** Share of the sequences in which the last item alone is hidden, as at inference. */
  readonly lastRate: number;
  /** Token that stands in their places. */
  readonly maskToken: number;
  /** Position of the last item of a sequence. */
  readonly last: number;
}

/** Whole windows with hidden items. */
export interface Cloze extends Tokens {
  /** `[hidden]` ascending rows of hidden tokens; at least one in each sequence. */
  readonly places: Int32Array;
  /** `[hidden]` the item that is hidden at each. */
  readonly targets: Int32Array;
  /** `[hidden x negatives]` items that are not in the user's history. */
  readonly negatives: Int32Array;
}

/**
 * A batch as the Cloze task (Sun et al., CIKM 2019, section 3.6): each sequence with the item that follows it, some items
 * hidden at random. Where no item was drawn the last one is hidden.
 */
export function clozeOf(batch: SequenceBatch, options: ClozeOptions, random: Random): Cloze {
  const { offsets, inputs, targets } = batch;
  const { maskToken, last } = options;
  const sequences = offsets.length - 1;
  const tokens = inputs.length + sequences;
  const whole = {
    offsets: offsets.map((offset, s) => offset + s),
    inputs: new Int32Array(tokens),
    positions: new Int32Array(tokens),
  };
  const places = new Int32Array(tokens);
  const items = new Int32Array(tokens);
  const sources = new Int32Array(tokens); // token of the batch whose negatives a hidden one has
  const some = wordsBelow(options.maskRate);
  const alone = wordsBelow(options.lastRate);
  let hidden = 0;
  for (let s = 0; s < sequences; s++) {
    const begin = offsets[s];
    const end = offsets[s + 1];
    const lastAlone = random.uint32() < alone;
    const before = hidden;
    for (let t = begin; t <= end; t++) {
      const place = t + s;
      const isLast = t === end;
      const item = isLast ? targets[end - 1] : inputs[t];
      whole.inputs[place] = item;
      whole.positions[place] = last - (end - t);
      const drawn = !lastAlone && random.uint32() < some;
      if (drawn || (isLast && hidden === before)) {
        whole.inputs[place] = maskToken;
        places[hidden] = place;
        items[hidden] = item;
        sources[hidden++] = Math.max(t - 1, begin);
      }
    }
  }
  return {
    ...whole,
    places: places.subarray(0, hidden),
    targets: items.subarray(0, hidden),
    negatives: negativesOf(batch, sources.subarray(0, hidden)),
  };
}

/** The negatives of some tokens of a batch. */
function negativesOf({ inputs, negatives }: SequenceBatch, tokens: Int32Array): Int32Array {
  const times = negatives.length / inputs.length;
  const taken = new Int32Array(tokens.length * times);
  for (const [i, token] of tokens.entries())
    taken.set(negatives.subarray(token * times, (token + 1) * times), i * times);
  return taken;
}
