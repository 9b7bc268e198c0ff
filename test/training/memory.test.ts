/** A training in steady state needs no more memory than it has. */
import test from "ava";
import { fitModel } from "./fitModel.js";

test("a thousand steps leave resident memory as it was", async (t) => {
  const megabytes = (): number => process.memoryUsage().rss / 2 ** 20;
  let before = 0;
  let after = 0;
  await fitModel({
    hyperparameters: { dimension: 256, epochs: 200 }, // 7 steps an epoch
    onEpoch: ({ epoch, epochs }) => {
      if (epoch === 50) before = megabytes();
      if (epoch === epochs) after = megabytes();
    },
  });
  // A step makes a megabyte of tensors.
  t.true(after - before < 50, `grew by ${after - before} MiB`);
});
