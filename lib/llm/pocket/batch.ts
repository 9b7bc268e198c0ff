/** Tokens as the network reads them: sequences of a prefix and independent tails that see the prefix and themselves. */
export interface TokenBatch {
  /** `[tokens]`, sequence after sequence, each prefix before its tails. */
  readonly tokens: Int32Array;
  /** `[tokens]`: place in the text; those of a tail go on where its prefix ends. */
  readonly positions: Int32Array;
  /** `[segments + 1]`: segment `g` is tokens `segments[g] .. segments[g + 1]`. */
  readonly segments: Int32Array;
  /** `[sequences + 1]`: sequence `s` is segments `sequences[s] .. sequences[s + 1]`; the first one is the prefix. */
  readonly sequences: Int32Array;
}

/** A prefix and the texts that may follow it, as tokens. */
export interface PrefixAndTails {
  readonly prefix: Int32Array | readonly number[];
  readonly tails: readonly (Int32Array | readonly number[])[];
}

/** Lays sequences side by side. */
export function batchOf(parts: readonly PrefixAndTails[]): TokenBatch {
  const lengthOf = (part: PrefixAndTails): number =>
    part.tails.reduce((sum, tail) => sum + tail.length, part.prefix.length);
  const count = parts.reduce((sum, part) => sum + lengthOf(part), 0);
  const tokens = new Int32Array(count);
  const positions = new Int32Array(count);
  const segments = [0];
  const sequences = [0];
  let at = 0;
  const put = (segment: Int32Array | readonly number[], from: number): void => {
    tokens.set(segment, at);
    for (let i = 0; i < segment.length; i++) positions[at + i] = from + i;
    at += segment.length;
    segments.push(at);
  };
  for (const { prefix, tails } of parts) {
    put(prefix, 0);
    for (const tail of tails) put(tail, prefix.length);
    sequences.push(segments.length - 1);
  }
  return { tokens, positions, segments: Int32Array.from(segments), sequences: Int32Array.from(sequences) };
}
