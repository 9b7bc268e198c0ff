/** The readers of the generated shop: how much they read, what they like, and how that drifts. */

import { bell, pickWeighted } from "../draws.js";
import type { Random } from "../random.js";
import { THEME_WEIGHTS } from "./books.js";
import { READERS } from "./parameters.js";
import { SUBJECTS_PER_THEME, THEMES } from "./vocabulary.js";

/** One reader. */
export interface Reader {
  /** How many books the reader rates. */
  interactions: number;
  /** When the reader joins, as a share of the span. */
  joined: number;
  /** What the reader adds to every rating, in units of a bell. */
  generosity: number;
  /** `[subjects]`, liking when the reader joins, in [0, 1]. */
  before: Float64Array;
  /** `[subjects]`, liking at the end of the span. */
  after: Float64Array;
}

/** `[users]` readers, in random order of activity. */
export function makeReaders(users: number, items: number, interactions: number, random: Random): Reader[] {
  const activity = activities(users, Math.floor(items * READERS.mostShare), interactions);
  random.shuffle(activity);
  return Array.from(activity, (count) => {
    const kept = READERS.themeWeights.length - READERS.drifting;
    const liked: Interest[] = [];
    while (liked.length < READERS.themeWeights.length + READERS.drifting) {
      const theme = pickWeighted(random, THEME_WEIGHTS);
      if (liked.every((interest) => interest.theme !== theme)) {
        liked.push({ theme, subject: random.below(SUBJECTS_PER_THEME) });
      }
    }
    return {
      interactions: count,
      joined: random.next() * READERS.lastJoin,
      generosity: bell(random),
      before: liking(liked.slice(0, READERS.themeWeights.length)),
      after: liking([...liked.slice(READERS.themeWeights.length), ...liked.slice(0, kept)]),
    };
  });
}

/** `[subjects]`, liking at a time after the reader joined: it drifts evenly from `before` to `after`. */
export function likingAt(reader: Reader, time: number): Float64Array {
  const progress = (time - reader.joined) / (1 - reader.joined);
  return reader.before.map((before, subject) => before + progress * (reader.after[subject] - before));
}

interface Interest {
  theme: number;
  /** The liked one of the theme's subjects. */
  subject: number;
}

/** `[subjects]`, liking; the n-th interest has the n-th weight. */
function liking(interests: readonly Interest[]): Float64Array {
  const weights = new Float64Array(THEMES.length * SUBJECTS_PER_THEME);
  interests.forEach(({ theme, subject }, n) => {
    const first = theme * SUBJECTS_PER_THEME;
    weights.fill(READERS.themeWeights[n] * READERS.otherSubjects, first, first + SUBJECTS_PER_THEME);
    weights[first + subject] = READERS.themeWeights[n];
  });
  return weights;
}

/** Interactions by activity rank: the fewest for everyone, the rest by a long tail, no one above `most`. */
function activities(users: number, most: number, interactions: number): Int32Array {
  const weights = Float64Array.from({ length: users }, (_, rank) => {
    const x = rank / users + READERS.activityOffset;
    return 1 / (x * x * x);
  });
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const spare = interactions - users * READERS.fewest;
  const counts = Int32Array.from(weights, (weight) =>
    Math.min(most, READERS.fewest + Math.floor((spare * weight) / total)),
  );
  let left = interactions - counts.reduce((sum, count) => sum + count, 0);
  for (let rank = 0; left > 0; rank = (rank + 1) % users) {
    if (counts[rank] < most) {
      counts[rank] += 1;
      left -= 1;
    }
  }
  return counts;
}
