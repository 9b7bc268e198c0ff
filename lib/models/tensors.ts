import { argumentError } from "../native/errors.js";
import type { StoredTensor } from "../storage/safetensors.js";

/** Tensors that are taken one by one, checked. */
export class Tensors {
  readonly #left: Map<string, StoredTensor>;

  constructor(tensors: ReadonlyMap<string, StoredTensor>) {
    this.#left = new Map(tensors);
  }

  get size(): number {
    return this.#left.size;
  }

  /** Names of those not taken yet. */
  get names(): readonly string[] {
    return [...this.#left.keys()];
  }

  has(name: string): boolean {
    return this.#left.has(name);
  }

  /** Rows and columns of a tensor that must be there; at least one column. */
  matrix(name: string): readonly [rows: number, columns: number] {
    const { shape } = this.#find(name);
    if (shape.length !== 2 || shape[1] === 0)
      throw argumentError(`tensor ${name}`, "rows of at least one number", `[${shape.join(", ")}]`);
    return [shape[0], shape[1]];
  }

  /** Finite numbers of exactly that shape. */
  floats(name: string, shape: readonly number[]): Float32Array {
    const { shape: found, values } = this.#take(name);
    if (found.length !== shape.length || found.some((length, axis) => length !== shape[axis]))
      throw argumentError(`tensor ${name}`, `shape [${shape.join(", ")}]`, `[${found.join(", ")}]`);
    if (!(values instanceof Float32Array)) throw argumentError(`tensor ${name}`, "float32", values);
    let sum = 0; // 0 times what is not finite is NaN: no branch for each of millions
    for (let at = 0; at < values.length; at++) sum += values[at] * 0;
    const place = sum === 0 ? -1 : values.findIndex((value) => !Number.isFinite(value));
    if (place >= 0) throw argumentError(`tensor ${name}[${place}]`, "a finite number", values[place]);
    return values;
  }

  /** A list of integers. */
  integers(name: string): Int32Array {
    const { shape, values } = this.#take(name);
    if (shape.length !== 1 || !(values instanceof Int32Array))
      throw argumentError(`tensor ${name}`, "a list of 32-bit integers", values);
    return values;
  }

  checkNoneLeft(): void {
    const [name] = this.#left.keys();
    if (name !== undefined) throw argumentError("tensors", "those of the model alone", name);
  }

  #find(name: string): StoredTensor {
    const tensor = this.#left.get(name);
    if (tensor === undefined) throw argumentError("tensors", `one named ${name}`, "none");
    return tensor;
  }

  #take(name: string): StoredTensor {
    const tensor = this.#find(name);
    this.#left.delete(name);
    return tensor;
  }
}
