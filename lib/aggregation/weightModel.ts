/** alpha_u as a logistic function of features, and its fit by maximum likelihood with ridge. Beyond the paper. */

import { argumentError } from "../native/errors.js";
import { minimize } from "./minimize.js";
import { checkFinite } from "./utility.js";

/** A fitted weight: plain data, can be stored as JSON. */
export interface WeightModel {
  /** Names of the features, in order. */
  readonly features: readonly string[];
  /** `[features]`, means over the rows fitted. */
  readonly means: readonly number[];
  /** `[features]`, standard deviations over the rows fitted; 1 where a feature is constant. */
  readonly deviations: readonly number[];
  /** `[features]`, by standardised feature. */
  readonly coefficients: readonly number[];
  readonly intercept: number;
  /** The largest weight. */
  readonly cap: number;
  /** The guard has spoken: every weight is 0 and the conventional model stands. */
  readonly fallback: boolean;
}

/** @internal Loss of a row with its derivatives. */
export interface RowLoss {
  loss: number;
  byAlpha: number;
  byLogSharpness: number;
}

/** @internal A row to fit on. */
export interface Sample {
  readonly features: readonly number[];
  /** Negative log likelihood under a weight and a sharpness (inverse scale of the noise), which all rows share. */
  readonly loss: (alpha: number, sharpness: number) => RowLoss;
}

/** @internal Options of {@link fitWeight}. */
export interface FitOptions {
  readonly names: readonly string[];
  readonly ridge: number;
  readonly cap: number;
}

/** Standardised features are cut here, so that no outlier, planted or not, carries the weight away. */
const LARGEST_FEATURE = 3;

/** Intercept and sharpness get this share of the ridge: next to none, yet the optimum stays finite. */
const LIGHT_RIDGE = 0.01;

/**
 * Weight of the language model for one user, `alpha_u = cap * sigmoid(b + sum_f w_f z_f)` over standardised features
 * z, each cut to [-3, 3].
 *
 * @param features - As `model.features` names them.
 * @returns In [0, cap]; 0 where the guard has spoken.
 * @throws Llama4RecError `E_ARGUMENT` if features are missing or not finite.
 */
export function learnedAlpha(model: WeightModel, features: readonly number[]): number {
  checkFeatures("features", features, model.features);
  if (model.fallback) return 0;
  const { coefficients, intercept, cap } = model;
  const score = standardised(model, features).reduce((sum, z, f) => sum + coefficients[f] * z, intercept);
  return cap * sigmoid(score);
}

/** @internal Throws `E_ARGUMENT` where features do not match their names or are not finite. */
export function checkFeatures(name: string, features: readonly number[], names: readonly string[]): void {
  if (features.length !== names.length)
    throw argumentError(name, `${names.length} numbers (${names.join(", ")})`, features.length);
  checkFinite(name, features);
}

/**
 * @internal Minimises the samples' loss plus ridge / 2 times the squared coefficients, over coefficients, intercept and
 * the logarithm of the sharpness. With no sample the model falls back.
 */
export function fitWeight(samples: readonly Sample[], { names, ridge, cap }: FitOptions): WeightModel {
  const scale = {
    means: names.map((_, f) => mean(samples.map(({ features }) => features[f]))),
    deviations: names.map((_, f) => deviation(samples.map(({ features }) => features[f]))),
  };
  const unfitted = { features: names, ...scale, coefficients: names.map(() => 0), intercept: 0, cap };
  if (samples.length === 0) return { ...unfitted, fallback: true };

  const rows = samples.map(({ features, loss }) => ({ inputs: [1, ...standardised(scale, features)], loss }));
  const count = rows.length;
  // Parameters: log sharpness, intercept, coefficients.
  const fitted = minimize(
    (at, gradient) => {
      let total = 0;
      gradient.fill(0);
      for (const { inputs, loss } of rows) {
        const share = sigmoid(inputs.reduce((sum, input, i) => sum + at[1 + i] * input, 0));
        const row = loss(cap * share, Math.exp(at[0]));
        total += row.loss;
        gradient[0] += row.byLogSharpness;
        const byScore = row.byAlpha * cap * share * (1 - share);
        for (let i = 0; i < inputs.length; i++) gradient[1 + i] += byScore * inputs[i];
      }
      for (let p = 0; p < at.length; p++) {
        const penalty = p < 2 ? LIGHT_RIDGE * ridge : ridge;
        total += (penalty / 2) * at[p] * at[p];
        gradient[p] = (gradient[p] + penalty * at[p]) / count;
      }
      return total / count;
    },
    new Float64Array(2 + names.length),
  );
  const [, intercept, ...coefficients] = fitted;
  return { ...unfitted, coefficients, intercept, fallback: false };
}

function standardised(
  { means, deviations }: Pick<WeightModel, "means" | "deviations">,
  features: readonly number[],
): number[] {
  return features.map((value, f) => {
    const z = (value - means[f]) / deviations[f];
    return Math.max(-LARGEST_FEATURE, Math.min(LARGEST_FEATURE, z));
  });
}

function sigmoid(score: number): number {
  return 1 / (1 + Math.exp(-score));
}

function mean(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Standard deviation; 1 where the values are alike but for rounding. */
function deviation(values: readonly number[]): number {
  const centre = mean(values);
  const spread = Math.sqrt(mean(values.map((value) => (value - centre) ** 2)));
  return spread > 1e-12 * Math.max(1, Math.abs(centre)) ? spread : 1;
}
