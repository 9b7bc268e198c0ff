/** Least and most of the whole numbers among the options of a tuning, for the library and its command line alike. */
export const RANGES = {
  seed: [0, Number.MAX_SAFE_INTEGER],
  tokens: [2, Number.MAX_SAFE_INTEGER],
  threads: [1, 256],
  evaluateEvery: [1, Number.MAX_SAFE_INTEGER],
  patience: [1, 1_000_000],
  batchTokens: [1, 2 ** 24],
  historyItems: [1, 100_000],
  rank: [1, 1024],
  vocabulary: [300, 2 ** 20],
  context: [64, 2 ** 20],
  dimension: [2, 4096],
  blocks: [1, 128],
  hidden: [1, 2 ** 16],
  heads: [1, 256],
  kvHeads: [1, 256],
} as const satisfies Readonly<Record<string, readonly [least: number, most: number]>>;
