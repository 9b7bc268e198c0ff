/** Trains the backbone of `ownBackbone.ts` on a thread of its own and measures it beside MF and popularity. */
import { evaluateRanking, generateShop, openDataset, popularity, split, train } from "llama4rec";

const [data] = process.argv.slice(2);
const dataset = data === undefined ? generateShop() : await openDataset({ data });
const parts = split(dataset);
const own = { module: new URL("./ownBackbone.js", import.meta.url), export: "CML" };

const measure = (name: string, ranker: Parameters<typeof evaluateRanking>[0]): void => {
  const { metrics } = evaluateRanking(ranker, parts.final, parts.test);
  console.log(
    name.padEnd(12),
    `HR@10 ${metrics["hr@10"].toFixed(4)}  NDCG@10 ${metrics["ndcg@10"].toFixed(4)}`,
  );
};

for (const [name, backbone] of [["MF", "MF"] as const, ["CML", own] as const]) {
  const validation = { heldOut: parts.validation };
  const { ranker } = await train({ backbone, view: parts.train, seed: 1, validation });
  measure(name, ranker);
  ranker.dispose();
}
using ranker = popularity(parts.final);
measure("popularity", ranker);
