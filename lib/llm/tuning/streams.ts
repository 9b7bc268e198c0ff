/**
 * Streams of random numbers of a tuning, each followed by a count. Initial weights take the low numbers, out-of-fold hints
 * 2^40 and above: no two meet.
 */
export const STREAMS = { rows: 2 ** 32, packing: 2 ** 33, validation: 2 ** 34, epochs: 2 ** 35 } as const;
