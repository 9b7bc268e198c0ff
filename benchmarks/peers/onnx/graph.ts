/**
 * Writes ONNX files, so that rivals need no other program to make their models. Field numbers are those of the public
 * onnx.proto.
 */

import { type Field, type Float, message } from "./message.js";

/** An attribute of a node: a whole number, a list of them, or a float. */
export type Attribute = number | readonly number[] | Float;

/** Lengths; a text is one that a call decides. */
export type Shape = readonly (number | string)[];

const FLOAT32 = 1;
const INT64 = 7;
/** Of IR 8: the last before the types of later ones. */
const OPSET = 17;

/** Types that graphs here take and give. */
export type Type = "float32" | "int64";

const code = (type: Type): number => (type === "float32" ? FLOAT32 : INT64);

/** A graph under construction; names are those of its tensors. */
export class Graph {
  readonly #nodes: Field[] = [];
  readonly #constants: Field[] = [];
  readonly #inputs: Field[] = [];
  readonly #outputs: Field[] = [];
  #count = 0;

  input(name: string, type: Type, shape: Shape): string {
    this.#inputs.push([11, shaped(name, type, shape)]);
    return name;
  }

  output(name: string, type: Type, shape: Shape): void {
    this.#outputs.push([12, shaped(name, type, shape)]);
  }

  /** Weights: float32, or int64 for indices and shapes. */
  constant(values: Float32Array | BigInt64Array, shape: readonly number[]): string {
    const name = `constant${this.#count++}`;
    const raw = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    const type = code(values instanceof Float32Array ? "float32" : "int64");
    this.#constants.push([
      5,
      message(...shape.map((length): Field => [1, length]), [2, type], [8, name], [9, raw]),
    ]);
    return name;
  }

  /** int64s `[n]`, or one without a shape. */
  ids(values: readonly number[] | number): string {
    const list = typeof values === "number" ? [values] : values;
    return this.constant(BigInt64Array.from(list, BigInt), typeof values === "number" ? [] : [list.length]);
  }

  /** Adds a node with one output and names it. */
  node(op: string, inputs: readonly string[], attributes: Readonly<Record<string, Attribute>> = {}): string {
    const [output] = this.nodes(op, inputs, [`${op}${this.#count++}`], attributes);
    return output;
  }

  /** Adds a node with these outputs. `op` may name another domain's: `domain:op`. */
  nodes(
    op: string,
    inputs: readonly string[],
    outputs: readonly string[],
    attributes: Readonly<Record<string, Attribute>> = {},
  ): readonly string[] {
    const [name, domain] = op.split(":").reverse();
    this.#nodes.push([
      1,
      message(
        ...inputs.map((input): Field => [1, input]),
        ...outputs.map((output): Field => [2, output]),
        [4, name],
        ...Object.entries(attributes).map(([key, value]): Field => [5, attribute(key, value)]),
        ...(domain === undefined ? [] : [[7, domain] as const]),
      ),
    ]);
    return outputs;
  }

  /** The file. */
  model(): Buffer {
    const graph = message(
      ...this.#nodes,
      [2, "benchmark"],
      ...this.#constants,
      ...this.#inputs,
      ...this.#outputs,
    );
    return message([1, 8], [7, graph], [8, message([2, OPSET])], [8, message([1, "com.microsoft"], [2, 1])]);
  }
}

function attribute(name: string, value: Attribute): Buffer {
  if (typeof value === "number") return message([1, name], [3, value], [20, 2]);
  if ("float" in value) return message([1, name], [2, value], [20, 1]);
  return message([1, name], ...value.map((one): Field => [8, one]), [20, 7]);
}

function shaped(name: string, type: Type, shape: Shape): Buffer {
  const dimensions = shape.map(
    (length): Field => [1, typeof length === "number" ? message([1, length]) : message([2, length])],
  );
  const tensorType = message([1, code(type)], [2, message(...dimensions)]);
  return message([1, name], [2, message([1, tensorType])]);
}
