import { Random } from "../../lib/data/random.js";
import type { Catalogue } from "../../lib/native/catalogue.js";

/** What a catalogue finds for three fixed queries, one by one and together: ids, and the bits of their scores. */
export function answers(catalogue: Catalogue): { ids: number[]; bits: string }[] {
  const random = new Random(11);
  const queries = Float32Array.from({ length: 3 * catalogue.dimension }, () => random.next() - 0.5);
  return [queries, queries.subarray(0, catalogue.dimension)].map((asked) => {
    const { ids, scores } = catalogue.topK(asked, { k: Math.min(10, catalogue.size) });
    return { ids: [...ids], bits: Buffer.from(scores.buffer).toString("hex") };
  });
}
