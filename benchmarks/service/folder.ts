/** The recommender that the service benchmark serves: random weights, for only its speed is measured. */

import { join } from "node:path";
import { IdMap } from "../../lib/data/idMap.js";
import { Random } from "../../lib/data/random.js";
import { generateShop } from "../../lib/data/shop/index.js";
import { TrainView } from "../../lib/data/trainView.js";
import { embeddedModel } from "../../lib/llm/embedded.js";
import { rankerOf } from "../../lib/models/frozen.js";
import { saveRecommender } from "../../lib/serving/save.js";
import { encoderSizes, randomEncoder } from "../micro/encoderModel.js";

/** How much is served. */
export interface ServiceSizes {
  readonly users: number;
  readonly items: number;
  /** Items of a user, from and to. */
  readonly shortest: number;
  readonly longest: number;
}

/** Sizes of the service benchmark. */
export const serviceSizes: ServiceSizes = { users: 20_000, items: 100_000, shortest: 1, longest: 100 };

/**
 * Writes a SASRec (64 dimensions, 2 blocks, histories of 50) over so many items, with users who have some of them, and
 * the embedded pocket Llama over titles of the generated shop.
 */
export async function saveService(
  path: string,
  { users, items, shortest, longest }: ServiceSizes = serviceSizes,
): Promise<string> {
  const random = new Random(1);
  const shop = generateShop().titles;
  const titles = Array.from({ length: items }, (_, item) => shop[item % shop.length]);
  const rows = Array.from({ length: users }, () => {
    const had = new Set<number>();
    const length = shortest + random.below(longest - shortest + 1);
    while (had.size < length) had.add(random.below(items));
    return [...had];
  });
  const offsets = new Int32Array(users + 1);
  for (const [user, row] of rows.entries()) offsets[user + 1] = offsets[user] + row.length;
  const view = new TrainView({
    ...{ userCount: users, itemCount: items, titles, offsets },
    items: Int32Array.from(rows.flat()),
    ratings: new Float32Array(offsets[users]).fill(1),
    itemAttributes: {},
    userAttributes: {},
  });
  const histories = { offsets, items: view.items };
  using ranker = rankerOf({ kind: "sequence", name: "SASRec", encoder: randomEncoder(items), histories });
  const folder = join(path, "recommender");
  const model = embeddedModel();
  await saveRecommender(folder, {
    ...{ ranker, view },
    users: IdMap.from(Array.from({ length: users }, (_, user) => user)),
    items: IdMap.from(Array.from({ length: items }, (_, item) => item)),
    languageModel: model?.modelPath ?? null,
    mixing: { alpha1: 0.5, alpha2: 0.5 },
  });
  return folder;
}

/** What the figures were measured on, in words. */
export const serviceText = `SASRec (${encoderSizes.d} dimensions, ${encoderSizes.blocks} blocks) over ${serviceSizes.items.toLocaleString("en")} items, ${serviceSizes.users.toLocaleString("en")} users, the embedded pocket Llama`;
