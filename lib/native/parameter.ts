import { call } from "./addon.js";
import { argumentError, Llama4RecError } from "./errors.js";

/** Adam's memory of one parameter. */
export interface AdamState {
  /** Estimate of the first moment `[rows x columns]`. */
  readonly first: Float32Array;
  /** Of the second. */
  readonly second: Float32Array;
  /** Updates of each row so far `[rows]`. */
  readonly rowSteps: Int32Array;
  /** Updates so far: no row has more. */
  readonly steps: number;
}

/**
 * A trainable float32 table `[rows x columns]` in process-wide native storage. Its memory is copied in and out, never
 * shared with JavaScript. Free it with {@link Parameter.dispose}, or let the end of the thread do it.
 */
export class Parameter implements Disposable {
  /** Name in checkpoints and error messages. */
  readonly name: string;
  readonly rows: number;
  readonly columns: number;
  #id: number;
  #disposed = false;

  /** A table of zeros. */
  constructor(name: string, rows: number, columns: number) {
    this.name = name;
    this.rows = rows;
    this.columns = columns;
    this.#id = call((addon) => addon.parameterCreate(name, rows, columns));
  }

  /**
   * Id of the native object.
   * @throws Llama4RecError `E_DISPOSED` after {@link Parameter.dispose}.
   */
  get id(): number {
    if (this.#disposed) throw new Llama4RecError("E_DISPOSED", `parameter ${this.name} was disposed`);
    return this.#id;
  }

  /** Fills with uniform numbers in `[low, high]` from the counter-based generator. */
  fillUniform(low: number, high: number, seed: number, stream: number): this {
    call((addon) => addon.parameterFillUniform(this.id, low, high, seed, stream));
    return this;
  }

  /** Fills with normal numbers of mean 0. */
  fillNormal(deviation: number, seed: number, stream: number): this {
    call((addon) => addon.parameterFillNormal(this.id, deviation, seed, stream));
    return this;
  }

  /** Glorot and Bengio's uniform initialisation: `+-sqrt(6 / (rows + columns))`. */
  fillXavier(seed: number, stream: number): this {
    const bound = Math.sqrt(6 / Math.max(1, this.rows + this.columns));
    return this.fillUniform(-bound, bound, seed, stream);
  }

  /** A copy of the table, row-major. */
  read(): Float32Array {
    return call((addon) => addon.parameterRead(this.id));
  }

  /** Replaces the table. Throws `E_ARGUMENT` when the length differs or a number is not finite. */
  write(values: Float32Array): this {
    for (let i = 0; i < values.length; i++)
      if (!Number.isFinite(values[i])) throw argumentError(`values[${i}]`, "a finite number", values[i]);
    call((addon) => addon.parameterWrite(this.id, values));
    return this;
  }

  /** A copy of what Adam keeps for this table; null before an Adam was made for it. */
  readState(): AdamState | null {
    return call((addon) => addon.parameterReadState(this.id));
  }

  /**
   * Replaces what Adam keeps for this table, so that training goes on where the state was read.
   * @throws Llama4RecError `E_ARGUMENT` when lengths do not fit, a moment is not finite or a count out of range.
   */
  writeState({ first, second, rowSteps, steps }: AdamState): this {
    call((addon) => addon.parameterWriteState(this.id, first, second, rowSteps, steps));
    return this;
  }

  /** Gives the native table back; calling it twice is fine. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    call((addon) => addon.parameterRelease(this.#id));
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
