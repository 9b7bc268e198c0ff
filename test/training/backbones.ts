/** Backbones that go wrong in every way there is, and some that do not; loaded by name, as a worker thread does. */
import { parentPort } from "node:worker_threads";
import type { DirectBackbone, DirectDefinition, SequentialDefinition } from "../../lib/models/backbone.js";
import { MF } from "../../lib/models/direct/mf.js";
import type { Factors } from "../../lib/models/factorRanker.js";
import { SASREC } from "../../lib/models/sequential/sasrec.js";
import { gather, type Tensor } from "../../lib/native/autograd.js";
import type { Parameter } from "../../lib/native/parameter.js";
import type { EncoderModel } from "../../lib/native/sequenceEncoder.js";

/** MF with some of its functions replaced. */
export function variant(
  name: string,
  change: (model: DirectBackbone) => Partial<DirectBackbone> = () => ({}),
): DirectDefinition {
  return {
    ...MF,
    name,
    create: (...args) => {
      const model = MF.create(...args);
      return {
        parameters: model.parameters,
        loss: (batch) => model.loss(batch),
        factors: () => model.factors(),
        ...change(model),
      };
    },
  };
}

/** Calls `act` before the loss of every step, with its number from 1. */
export const eachStep = (
  name: string,
  act: (step: number, model: DirectBackbone) => void,
): DirectDefinition =>
  variant(name, (model) => {
    let steps = 0;
    return {
      loss: (batch) => {
        act(++steps, model);
        return model.loss(batch);
      },
    };
  });

const fail = (): never => {
  throw new TypeError("no such thing");
};

/** Fills a parameter with numbers whose products float32 does not hold. */
export function poison(parameter: Parameter): void {
  parameter.write(parameter.read().fill(3e38));
}

export const plain = variant("Plain");
export const notADefinition = { name: "Half" };
export const throwsInCreate: DirectDefinition = { ...MF, name: "ThrowsInCreate", create: fail };
export const throwsInLoss = variant("ThrowsInLoss", () => ({ loss: fail }));
export const throwsInFactors = variant("ThrowsInFactors", () => ({ factors: fail }));
export const noTensor = variant("NoTensor", () => ({ loss: () => undefined as unknown as Tensor }));
export const staleTensor = variant("StaleTensor", () => ({ loss: () => 12345 as Tensor }));
export const wideLoss = variant("WideLoss", ({ parameters: [users] }) => ({
  loss: (batch) => gather(users, batch.users),
}));
export const shortFactors = variant("ShortFactors", (model) => ({
  factors: () => ({ ...model.factors(), users: new Float32Array(3) }),
}));
/** MF whose factors are changed: to whatever it is. */
const factorsOf = (name: string, change: (factors: Factors) => unknown): DirectDefinition =>
  variant(name, (model) => ({ factors: () => change(model.factors()) as Factors }));
export const nanFactors = factorsOf("NanFactors", (factors) => {
  factors.items[3] = Number.NaN;
  return factors;
});
export const noFactors = factorsOf("NoFactors", () => undefined);
export const noBiases = factorsOf("NoBiases", ({ itemBiases: _, ...factors }) => factors);
export const talkative = factorsOf("Talkative", (factors) => ({ ...factors, log: () => "not to be cloned" }));

const kept = new Float32Array(30).fill(1);
/** Hands over the same array of its own each time. */
export const keeps = factorsOf("Keeps", (factors) => ({ ...factors, itemBiases: kept }));

/** SASRec whose encoder is changed: to whatever it is. */
const encoderOf = (name: string, change: (encoder: EncoderModel) => unknown): SequentialDefinition => ({
  ...SASREC,
  name,
  create: (...args) => {
    const model = SASREC.create(...args);
    return {
      parameters: model.parameters,
      loss: (batch) => model.loss(batch),
      encoder: () => change(model.encoder()) as EncoderModel,
    };
  },
});
export const noEncoder = encoderOf("NoEncoder", () => null);
export const shortPositions = encoderOf("ShortPositions", (encoder) => ({
  ...encoder,
  positions: new Float32Array(3),
}));
export const wideMaskToken = encoderOf("WideMaskToken", (encoder) => ({
  ...encoder,
  maskToken: new Float32Array(9),
}));
export const noBlocks = encoderOf("NoBlocks", ({ blocks: _, ...encoder }) => encoder);
export const fewBlocks = encoderOf("FewBlocks", (encoder) => ({ ...encoder, blocks: [] }));
export const halfBlocks = encoderOf("HalfBlocks", (encoder) => ({ ...encoder, blocks: [{}] }));
export const nanPositions = encoderOf("NanPositions", (encoder) => {
  encoder.positions[3] = Number.NaN;
  return encoder;
});

/** Says something to whoever started its thread. */
export const posts = eachStep("Posts", () => parentPort?.postMessage("x"));

export const twins = variant("Twins", ({ parameters: [users] }) => ({ parameters: [users, users] }));

/** Its numbers leave float32 in step 20. */
export const explodes = eachStep("Explodes", (step, { parameters: [users] }) => {
  if (step === 20) poison(users);
});

export const exits = eachStep("Exits", (step) => {
  if (step === 3) process.exit(9);
});
export const strays = eachStep("Strays", (step) => {
  if (step === 3) setTimeout(fail);
});

/** Its second step never ends. */
export const endless = eachStep("Endless", (step) => {
  while (step === 2);
});

const hoard: number[][] = [];
export const hungry = eachStep("Hungry", () => {
  for (;;) hoard.push(new Array(1e5).fill(hoard.length));
});

export default plain;
