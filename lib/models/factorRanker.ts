import { Catalogue, type TopK } from "../native/catalogue.js";
import type { FactorModel } from "./frozen.js";
import { type AsyncRankOptions, checkUsers, type RankOptions, type TrainedRanker } from "./ranker.js";

/** What a direct backbone hands over when it is frozen for serving. */
export interface Factors {
  readonly dimension: number;
  /** `[users x dimension]` row-major. */
  readonly users: Float32Array;
  /** `[items x dimension]` row-major. */
  readonly items: Float32Array;
  /** `[items]`, or null. */
  readonly itemBiases: Float32Array | null;
}

/** The ranker of a factor model, over the native catalogue. */
export function factorRanker(model: FactorModel, shared?: number): TrainedRanker {
  const { dimension, users, items, itemBiases } = model.factors;
  const catalogue = new Catalogue(items, { dimension, biases: itemBiases, shared });
  const userCount = users.length / dimension;
  /** Vectors of the users asked for, `[asked x dimension]`. */
  const queriesOf = (asked: Int32Array): Float32Array => {
    checkUsers(asked, userCount);
    const queries = new Float32Array(asked.length * dimension);
    for (let row = 0; row < asked.length; row++) {
      const user = asked[row];
      queries.set(users.subarray(user * dimension, (user + 1) * dimension), row * dimension);
    }
    return queries;
  };
  return {
    name: model.name,
    model,
    userCount,
    itemCount: catalogue.size,
    dimension,
    userVectors: users,
    itemVectors: items,
    itemBiases,
    topK(asked: Int32Array, options: RankOptions): TopK {
      return catalogue.topK(queriesOf(asked), options);
    },
    async topKAsync(asked: Int32Array, options: AsyncRankOptions): Promise<TopK> {
      return catalogue.topKAsync(queriesOf(asked), options);
    },
    dispose: () => catalogue.dispose(),
    [Symbol.dispose]: () => catalogue.dispose(),
  };
}
