import test from "ava";
import { minimize } from "../../lib/aggregation/minimize.js";
import { choiceLoss, normalLoss } from "../../lib/aggregation/rowLoss.js";
import { fitWeight, learnedAlpha, type Sample } from "../../lib/aggregation/weightModel.js";
import { bell } from "../../lib/data/draws.js";
import { Random } from "../../lib/data/random.js";

test("the minimiser finds the bottom of a curved valley and of an ill-scaled bowl", (t) => {
  const rosenbrock = minimize(
    ([x, y], gradient) => {
      gradient[0] = -2 * (1 - x) - 400 * x * (y - x * x);
      gradient[1] = 200 * (y - x * x);
      return (1 - x) ** 2 + 100 * (y - x * x) ** 2;
    },
    Float64Array.of(-1.2, 1),
  );
  t.true(rosenbrock.every((value) => Math.abs(value - 1) < 1e-6));
  const bowl = minimize((at, gradient) => {
    at.forEach((value, i) => {
      gradient[i] = 10 ** (2 * i) * (value - i);
    });
    return at.reduce((sum, value, i) => sum + 0.5 * 10 ** (2 * i) * (value - i) ** 2, 0);
  }, new Float64Array(3));
  t.true(bowl.every((value, i) => Math.abs(value - i) < 1e-6));
});

test("derivatives of both losses agree with finite differences", (t) => {
  const random = new Random(1);
  const step = 1e-5;
  for (let n = 0; n < 100; n++) {
    const k = 2 + random.below(9);
    const draw = (): Float64Array => Float64Array.from({ length: k }, () => -10 * random.next());
    const losses = [
      choiceLoss(draw(), draw(), random.below(k)),
      normalLoss(5 * random.next(), 5 * random.next(), 5 * random.next()),
    ];
    const [alpha, log] = [0.1 + 0.8 * random.next(), bell(random)];
    for (const loss of losses) {
      const { byAlpha, byLogSharpness } = loss(alpha, Math.exp(log));
      const slope = (a: number, l: number): number =>
        (loss(alpha + a, Math.exp(log + l)).loss - loss(alpha - a, Math.exp(log - l)).loss) / (2 * step);
      const near = (found: number, expected: number): boolean =>
        t.true(Math.abs(found - expected) <= 1e-6 * (1 + Math.abs(expected)), `${found} ${expected}`);
      near(byAlpha, slope(step, 0));
      near(byLogSharpness, slope(0, step));
    }
  }
});

test("the loss of a choice is its negative log likelihood", (t) => {
  // Utilities at .5: -1.5, -1.5, -3.
  const { loss } = choiceLoss(Float64Array.of(-1, -2, -3), Float64Array.of(-2, -1, -3), 1)(0.5, 2);
  t.true(Math.abs(loss - Math.log(2 + Math.exp(-3))) < 1e-12);
});

test("a planted weight comes back from ratings drawn under it", (t) => {
  const random = new Random(3);
  const truth = (z: number): number => 1 / (1 + Math.exp(-(-0.5 + 1.5 * z)));
  const samples = Array.from({ length: 3000 }, (): Sample => {
    const z = 2 * bell(random);
    const [recommender, languageModel] = [1 + 4 * random.next(), 1 + 4 * random.next()];
    const mixed = truth(z) * languageModel + (1 - truth(z)) * recommender;
    return {
      features: [z, bell(random)],
      loss: normalLoss(recommender, languageModel, mixed + bell(random) / 2),
    };
  });
  const model = fitWeight(samples, { names: ["z", "idle"], ridge: 1, cap: 1 });
  for (const z of [-2, -1, 0, 1, 2])
    t.true(Math.abs(learnedAlpha(model, [z, 0]) - truth(z)) < 0.03, `${z} ${learnedAlpha(model, [z, 0])}`);
});

test("a planted weight comes back from choices drawn under it", (t) => {
  const random = new Random(4);
  const truth = (z: number): number => 1 / (1 + Math.exp(-1.5 * z));
  const samples = Array.from({ length: 4000 }, (): Sample => {
    const z = 2 * bell(random);
    const places = (): Float64Array =>
      Float64Array.from(random.shuffle(Array.from({ length: 10 }, (_, n) => -1 - n)));
    const [recommender, languageModel] = [places(), places()];
    const alpha = truth(z);
    // Gumbel noise: the best of utilities so disturbed is a draw from the softmax, here of sharpness .7.
    const disturbed = Array.from(
      recommender,
      (utility, i) =>
        0.7 * (alpha * languageModel[i] + (1 - alpha) * utility) - Math.log(-Math.log(random.next())),
    );
    const chosen = disturbed.indexOf(Math.max(...disturbed));
    return { features: [z], loss: choiceLoss(recommender, languageModel, chosen) };
  });
  const model = fitWeight(samples, { names: ["z"], ridge: 1, cap: 1 });
  for (const z of [-2, -1, 0, 1, 2])
    t.true(Math.abs(learnedAlpha(model, [z]) - truth(z)) < 0.05, `${z} ${learnedAlpha(model, [z])}`);
});

test("no weight exceeds the cap, nor does an outlier of a feature count beyond three deviations", (t) => {
  const samples = Array.from(
    { length: 50 },
    (_, n): Sample => ({ features: [n], loss: normalLoss(1, 5, 5) }),
  );
  const model = fitWeight(samples, { names: ["n"], ridge: 1, cap: 0.3 });
  for (const value of [-1e9, 0, 25, 1e9]) t.true(learnedAlpha(model, [value]) <= 0.3);
  t.true(learnedAlpha(model, [25]) > 0.25);
  const far = model.means[0] + 3 * model.deviations[0];
  t.true(Math.abs(learnedAlpha(model, [1e9]) - learnedAlpha(model, [far])) < 1e-12);
});

test("a constant feature has no say, a model without samples falls back", (t) => {
  const samples = Array.from({ length: 50 }, (): Sample => ({ features: [7.3], loss: normalLoss(1, 5, 4) }));
  const model = fitWeight(samples, { names: ["constant"], ridge: 1, cap: 1 });
  t.true(Math.abs(model.coefficients[0]) < 1e-6);
  t.true(Math.abs(learnedAlpha(model, [7.3]) - 0.75) < 0.05);
  const empty = fitWeight([], { names: ["constant"], ridge: 1, cap: 1 });
  t.true(empty.fallback);
  t.is(learnedAlpha(empty, [7.3]), 0);
});

test("a model survives JSON to the bit, and refuses features that are not its own", (t) => {
  const samples = Array.from(
    { length: 20 },
    (_, n): Sample => ({ features: [n % 5], loss: normalLoss(1, 5, n % 4) }),
  );
  const model = fitWeight(samples, { names: ["n"], ridge: 1, cap: 1 });
  t.is(learnedAlpha(JSON.parse(JSON.stringify(model)), [3]), learnedAlpha(model, [3]));
  t.throws(() => learnedAlpha(model, [1, 2]), {
    code: "E_ARGUMENT",
    message: /^features: expected 1 numbers/,
  });
  t.throws(() => learnedAlpha(model, [Number.NaN]), { message: /^features\[0\]: / });
});
