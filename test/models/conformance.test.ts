import test from "ava";
import type { DirectDefinition } from "../../lib/models/backbone.js";
import { conformanceSuite } from "../../lib/models/conformance.js";
import { MF } from "../../lib/models/direct/mf.js";
import { listBackbones } from "../../lib/models/registry.js";

for (const backbone of listBackbones())
  for (const { name, run } of conformanceSuite(backbone))
    test.serial(`${backbone.name} (${backbone.task}): ${name}`, async (t) => {
      await t.notThrowsAsync(run());
    });

test.serial("a backbone that ignores its seed and learns nothing does not conform", async (t) => {
  const lazy: DirectDefinition = { ...MF, create: (view, values) => MF.create(view, values, 1) };
  const failures: string[] = [];
  for (const { name, run } of conformanceSuite(lazy, { hyperparameters: { epochs: 1, learningRate: 1e-6 } }))
    await run().catch(() => failures.push(name));
  t.deepEqual(failures, ["planted structure is recovered"]);
});
