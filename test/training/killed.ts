/** A process of its own: trains, prints the step of every checkpoint and last the digest of the model. */
import { digestOf } from "../../lib/data/digest.js";
import { bits, fitModel, heldOut } from "./fitModel.js";

const [path, epochs] = process.argv.slice(2);
const result = await fitModel({
  hyperparameters: { epochs: Number(epochs) },
  validation: { heldOut },
  evaluateEvery: 1,
  patience: 10_000,
  checkpoint: { path, everySeconds: 0 },
  onCheckpoint: ({ step }) => console.log(step),
});
console.log(digestOf([bits(result), JSON.stringify(result.history)]));
