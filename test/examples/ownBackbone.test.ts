/** The example as its user has it: over the package's exports, which are bundled. */
import { readFileSync } from "node:fs";
import test from "ava";
import { evaluateRanking, generateShop, popularity, searchHyperparameters, split, train } from "llama4rec";
import { conformanceSuite } from "llama4rec/conformance";
import { CML } from "../../docs/examples/ownBackbone.js";

for (const { name, run } of conformanceSuite(CML))
  test.serial(`CML: ${name}`, async (t) => {
    await t.notThrowsAsync(run());
  });

test("it is shorter than 80 lines", (t) => {
  t.true(readFileSync("docs/examples/ownBackbone.ts", "utf8").trimEnd().split("\n").length < 80);
});

const parts = split(generateShop());
const backbone = { module: new URL("../../docs/examples/ownBackbone.js", import.meta.url), export: "CML" };

test("trained by its module on a thread of its own, it ranks better than popularity", async (t) => {
  const hyperparameters = { epochs: 30, dimension: 32 };
  const { ranker } = await train({ backbone, view: parts.train, hyperparameters, seed: 1, threads: 1 });
  const ndcg = (scored: Parameters<typeof evaluateRanking>[0]): number =>
    evaluateRanking(scored, parts.train, parts.validation).metrics["ndcg@10"];
  const [own, popular] = [ndcg(ranker), ndcg(popularity(parts.train))];
  ranker.dispose();
  t.true(own > 1.2 * popular, `${own} ${popular}`);
});

test("its hyper-parameters are searched, by module and by definition alike", async (t) => {
  const options = {
    view: parts.train,
    validation: { heldOut: parts.validation },
    hyperparameters: { epochs: 2, dimension: 8 },
    space: { l2: { values: [0, 0.1] } },
    trials: 2,
    seed: 1,
    threads: 1,
  };
  const [one, other] = [
    await searchHyperparameters({ ...options, backbone }),
    await searchHyperparameters({ ...options, backbone: CML }),
  ];
  const scores = ({ trials }: typeof one) => trials.map(({ score, epoch }) => [score, epoch]);
  t.is(one.trials.length, 2);
  t.deepEqual(scores(one), scores(other));
});
