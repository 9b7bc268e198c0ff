import { call } from "./addon.js";
import type { Parameter } from "./parameter.js";

/** Options of {@link Adam}. */
export interface AdamOptions {
  /** Default 1e-3. */
  readonly learningRate?: number;
  /** Decay of the first moment, default 0.9. */
  readonly beta1?: number;
  /** Decay of the second moment, default 0.999. */
  readonly beta2?: number;
  /** Default 1e-8. */
  readonly epsilon?: number;
  /** Default 0. */
  readonly weightDecay?: number;
  /** Gradients of all parameters together are scaled down to this norm (Pascanu et al. 2013); default 0: never. */
  readonly maxNorm?: number;
  /** True, the default: decay acts on the weights (AdamW, Loshchilov and Hutter 2019); false: it is added to the gradient. */
  readonly decoupled?: boolean;
}

/**
 * Adam (Kingma and Ba 2015) and AdamW. Embedding rows are updated lazily: only rows that the step touched, each with
 * the bias correction of its own number of updates.
 */
export class Adam implements Disposable {
  readonly #id: number;

  constructor(parameters: readonly Parameter[], options: AdamOptions = {}) {
    const ids = parameters.map((parameter) => parameter.id);
    this.#id = call((addon) =>
      addon.adamCreate(
        ids,
        options.learningRate ?? 1e-3,
        options.beta1 ?? 0.9,
        options.beta2 ?? 0.999,
        options.epsilon ?? 1e-8,
        options.weightDecay ?? 0,
        options.maxNorm ?? 0,
        options.decoupled ?? true,
      ),
    );
  }

  /** Sets the learning rate of the next steps. */
  set learningRate(value: number) {
    call((addon) => addon.adamSetLearningRate(this.#id, value));
  }

  /**
   * Applies the gradients of the last `backward` and returns their global norm.
   * @throws Llama4RecError `E_DIVERGED` when a gradient is not finite; the parameters stay as they were.
   */
  apply(): number {
    return call((addon) => addon.adamStep(this.#id));
  }

  /** Gives the native state back; calling it twice is fine. */
  dispose(): void {
    call((addon) => addon.adamRelease(this.#id));
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
