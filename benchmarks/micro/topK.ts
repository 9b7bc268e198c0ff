import { native } from "../../lib/native/addon.js";
import { Catalogue, topKRow } from "../../lib/native/catalogue.js";
import { bandwidth, dimension, type Line, randomTable, rowBytes } from "./lines.js";
import { plainTopK } from "./plain.js";
import { duration, medianSeconds } from "./timing.js";

const k = 10;

/** Exact top-10 of one query and of 32 a call. */
export async function topKLines(items: number): Promise<Line[]> {
  using parameter = randomTable("items", items);
  const table = parameter.read();
  using catalogue = new Catalogue(table, { dimension });
  using queries = randomTable("queries", 32);
  const batch = queries.read();
  const one = batch.slice(0, dimension);

  const found = topKRow(catalogue.topK(one, { k }), 0);
  const expected = plainTopK(table, one, k);
  if (found.some((id, place) => id !== expected[place]))
    throw new Error(`top-10 of ${items}: the rivals disagree`);

  const single = await medianSeconds({
    ours: () => catalogue.topK(one, { k }),
    plain: () => plainTopK(table, one, k),
  });
  const limit = bandwidth(items);
  const rate = (items * rowBytes) / single.ours / 1e9;
  const many = await medianSeconds({ ours: () => catalogue.topK(batch, { k }) });
  const peak = native().fmaRate(1);
  const flops = (2 * items * dimension * 32) / many.ours / 1e9;
  return [
    {
      what: `exact top-10 of ${items.toLocaleString("en")} x 64, one query`,
      ours: duration(single.ours),
      plain: duration(single.plain),
      ratio: `${(single.plain / single.ours).toFixed(1)}x`,
      limit: `${rate.toFixed(1)} of ${limit.toFixed(1)} GB/s`,
    },
    {
      what: `the same, 32 queries a call`,
      ours: duration(many.ours),
      plain: `${duration(single.plain * 32)} (32 x one)`,
      ratio: `${((single.plain * 32) / many.ours).toFixed(1)}x`,
      limit: `${flops.toFixed(1)} of ${peak.toFixed(1)} GFLOP/s`,
    },
  ];
}
