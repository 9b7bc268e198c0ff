import type { TrainView } from "../../data/trainView.js";
import { selectTopK } from "../../native/catalogue.js";
import { argumentError } from "../../native/errors.js";
import { gram, type SparseRows, sparseScores, spdInverse } from "../../native/linalg.js";
import { checkUsers, type Ranker, rowsOf } from "../ranker.js";

/** How {@link ease} weighs what a user has. */
export interface EaseInput {
  /**
   * Input weight of an item is `recency^age + recencyFloor`, age 0 for the user's last training item.
   * Default 1: binary input.
   */
  readonly recency?: number;
  /** What even the oldest item keeps, at least 0. Read only with a recency below 1. Default 0. */
  readonly recencyFloor?: number;
}

/** Options of {@link ease}. */
export interface EaseOptions extends EaseInput {
  /** Weight of the ridge penalty, above 0. */
  readonly lambda: number;
}

/**
 * EASE: a linear item-to-item model in closed form (Steck, WWW 2019), float64.
 * `P = (X^T X + lambda I)^-1`, `B = I - P / diag(P)` with zero diagonal, `score(u) = x_u B`.
 * Memory: two matrices `[items x items]`; the inverse runs off the event loop.
 * @throws Llama4RecError `E_ARGUMENT` for a lambda not above 0 or a recency outside (0, 1].
 */
export async function ease(view: TrainView, options: EaseOptions): Promise<Ranker> {
  const { lambda, ...input } = options;
  checkInput(input);
  return easeRanker(view, await easeWeights(view, lambda), input);
}

/**
 * B `[items x items]` of {@link ease}, for several rankers of one lambda.
 * @throws Llama4RecError `E_ARGUMENT` for a lambda not above 0.
 */
export async function easeWeights(view: TrainView, lambda: number): Promise<Float64Array> {
  if (!(lambda > 0 && Number.isFinite(lambda))) throw argumentError("lambda", "a number above 0", lambda);
  const items = view.itemCount;
  const matrix = gram(view.sortedItems(), items);
  for (let i = 0; i < items; i++) matrix[i * items + i] += lambda;
  const inverse = await spdInverse(matrix, items);
  const diagonal = Float64Array.from({ length: items }, (_, i) => inverse[i * items + i]);
  for (let i = 0; i < items; i++) {
    const row = inverse.subarray(i * items, (i + 1) * items);
    for (let j = 0; j < items; j++) row[j] = -row[j] / diagonal[j];
    row[i] = 0;
  }
  return inverse;
}

/**
 * The ranker over weights of {@link easeWeights}, which are kept and not copied.
 * @throws Llama4RecError `E_ARGUMENT` for a recency outside (0, 1] or a floor below 0.
 */
export function easeRanker(view: TrainView, weights: Float64Array, input: EaseInput = {}): Ranker {
  const { recency = 1, recencyFloor = 0 } = checkInput(input);
  const items = view.itemCount;
  const dispose = (): void => {};
  return {
    name: "EASE",
    userCount: view.userCount,
    itemCount: items,
    topK(users, rankOptions) {
      checkUsers(users, view.userCount);
      const rows =
        recency === 1
          ? rowsOf(view.sortedItems(), users)
          : weighted(rowsOf(view, users), recency, recencyFloor);
      return selectTopK(sparseScores(rows, weights, items), items, rankOptions);
    },
    dispose,
    [Symbol.dispose]: dispose,
  };
}

function checkInput(input: EaseInput): EaseInput {
  const { recency = 1, recencyFloor = 0 } = input;
  if (!(recency > 0 && recency <= 1)) throw argumentError("recency", "a number in (0, 1]", recency);
  if (!(recencyFloor >= 0 && Number.isFinite(recencyFloor)))
    throw argumentError("recencyFloor", "a number of at least 0", recencyFloor);
  return input;
}

/** Rows in time order, oldest first, become ascending rows with weights `recency^age + floor`. */
function weighted({ offsets, items }: SparseRows, recency: number, floor: number): SparseRows {
  const sorted = new Int32Array(items.length);
  const weights = new Float64Array(items.length);
  for (let row = 0; row + 1 < offsets.length; row++) {
    const [begin, end] = [offsets[row], offsets[row + 1]];
    const places = Array.from({ length: end - begin }, (_, place) => begin + place);
    places.sort((a, b) => items[a] - items[b]);
    for (const [index, place] of places.entries()) {
      sorted[begin + index] = items[place];
      weights[begin + index] = recency ** (end - 1 - place) + floor;
    }
  }
  return { offsets, items: sorted, weights };
}
