import { call } from "../native/addon.js";
import {
  checkedK,
  nativeFilter,
  present,
  rowsFor,
  type TopK,
  type TopKOptions,
} from "../native/catalogue.js";
import { argumentError } from "../native/errors.js";
import { deviceIndex, type KernelOptions } from "./device.js";

/** Options of {@link topK}. */
export interface BruteForceOptions extends TopKOptions, KernelOptions {
  readonly dimension: number;
  /** `[items]`: added to the scores. */
  readonly biases?: Float32Array | null;
}

/**
 * The k best items of each query by `query . item + bias`, exactly: scored in float64, ties by lower index. Nothing is
 * built or kept, so it suits items that are seen once; for items that stay, `Catalogue` gives the same answers many
 * times faster.
 *
 * @param items `[items x dimension]` row-major.
 * @param queries `[batch x dimension]` row-major.
 * @throws Llama4RecError `E_ARGUMENT` for sizes that do not fit, a bad k or filter, or a number that is not finite;
 *   `E_DEVICE` for a device that is not there.
 * @example
 * ```ts
 * const items = new Float32Array([1, 0, 0, 1]);
 * topKRow(topK(items, new Float32Array([0.2, 0.9]), { dimension: 2, k: 1 }), 0); // Int32Array [ 1 ]
 * ```
 */
export function topK(items: Float32Array, queries: Float32Array, options: BruteForceOptions): TopK {
  const device = deviceIndex(options);
  const { dimension, biases = null } = options;
  if (!Number.isInteger(dimension) || dimension < 1)
    throw argumentError("dimension", "an integer of at least 1", dimension);
  for (const [name, array] of Object.entries({ items, queries })) {
    if (present(name, array, Float32Array).length % dimension !== 0)
      throw argumentError(name, `a multiple of ${dimension} numbers`, array.length);
  }
  const size = items.length / dimension;
  const batch = queries.length / dimension;
  if (biases !== null && biases.length !== size)
    throw argumentError("biases", `${size} numbers, one an item`, biases.length);
  const k = checkedK(options.k, size);
  const filter = nativeFilter(options, batch, size);
  const rows = rowsFor(batch, options);
  call((addon) =>
    addon.bruteForceTopK(
      items,
      biases,
      dimension,
      queries,
      k,
      filter,
      rows.ids,
      rows.scores,
      rows.counts,
      device,
    ),
  );
  return rows;
}
