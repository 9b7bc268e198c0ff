import { argumentError } from "../native/errors.js";
import { firstNotFinite } from "../storage/finite.js";
import type { StoredTensor } from "../storage/safetensors.js";

/** Tensors that are taken one by one, checked. */
export class Tensors {
  readonly #left: Map<string, StoredTensor>;
  readonly #finite: boolean;

  /** @param options `finite`: their float32 numbers are known to be finite, as of `readTensorFile` with that option. */
  constructor(tensors: ReadonlyMap<string, StoredTensor>, { finite = false } = {}) {
    this.#left = new Map(tensors);
    this.#finite = finite;
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
    const place = this.#finite ? -1 : firstNotFinite(values);
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

  /** A list of float64 numbers. */
  doubles(name: string): Float64Array {
    const { shape, values } = this.#take(name);
    if (shape.length !== 1 || !(values instanceof Float64Array))
      throw argumentError(`tensor ${name}`, "a list of float64 numbers", values);
    return values;
  }

  /** A list of bytes. */
  bytes(name: string): Uint8Array {
    const { shape, values } = this.#take(name);
    if (shape.length !== 1 || !(values instanceof Uint8Array))
      throw argumentError(`tensor ${name}`, "a list of bytes", values);
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
