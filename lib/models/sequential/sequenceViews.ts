import type { Random } from "../../data/random.js";
import type { Tokens } from "./transformer.js";

/** How views of sequences are made; a rate of 0 switches its way off. */
export interface ViewOptions {
  /** Share of a sequence that cropping leaves: one stretch. */
  readonly crop: number;
  /** Share of its items that masking hides. */
  readonly mask: number;
  /** Share of it that reordering shuffles: one stretch. */
  readonly reorder: number;
  /** Token that stands for a hidden item. */
  readonly maskToken: number;
  /** Position of the last item of a sequence. */
  readonly last: number;
}

/** Changes a sequence in place and returns how many of its items stay, from the first. */
type Way = (sequence: Int32Array, options: ViewOptions, random: Random) => number;

/** The three ways of section III.C, Eq. 4 to 6. */
const ways: Readonly<Record<"crop" | "mask" | "reorder", Way>> = {
  crop(sequence, options, random) {
    const kept = Math.max(1, Math.floor(options.crop * sequence.length));
    const begin = random.below(sequence.length - kept + 1);
    sequence.copyWithin(0, begin, begin + kept);
    return kept;
  },
  mask(sequence, options, random) {
    let wanted = Math.floor(options.mask * sequence.length);
    for (let t = 0; wanted > 0; t++)
      if (random.below(sequence.length - t) < wanted) {
        sequence[t] = options.maskToken;
        wanted--;
      }
    return sequence.length;
  },
  reorder(sequence, options, random) {
    const moved = Math.floor(options.reorder * sequence.length);
    const begin = random.below(sequence.length - moved + 1);
    random.shuffle(sequence.subarray(begin, begin + moved));
    return sequence.length;
  },
};
const names = ["crop", "mask", "reorder"] as const;

/**
 * Two views of every sequence of a batch, each made in one of the ways that are on (Xie et al., ICDE 2022, section III.C).
 * The first views of all sequences come first, then the second ones. With no way on, views are the sequences themselves.
 */
export function viewsOf({ offsets, inputs }: Tokens, options: ViewOptions, random: Random): Tokens {
  const sequences = offsets.length - 1;
  const on = names.filter((name) => options[name] > 0);
  const items = new Int32Array(2 * inputs.length);
  const positions = new Int32Array(items.length);
  const ends = new Int32Array(2 * sequences + 1);
  let size = 0;
  for (let view = 0; view < 2 * sequences; view++) {
    const s = view % sequences;
    const whole = inputs.subarray(offsets[s], offsets[s + 1]);
    items.set(whole, size);
    const place = items.subarray(size, size + whole.length);
    const count = on.length === 0 ? whole.length : ways[on[random.below(on.length)]](place, options, random);
    for (let t = 0; t < count; t++) positions[size + t] = options.last - (count - 1 - t);
    size += count;
    ends[view + 1] = size;
  }
  return { offsets: ends, inputs: items.subarray(0, size), positions: positions.subarray(0, size) };
}
