import { openPackage } from "./packages.js";

/** A tensor as its constructor took it or a session gave it. */
export interface OnnxTensor {
  readonly data: Float32Array | BigInt64Array;
  readonly dims: readonly number[];
}

/** Tensors by the names that the graph gives them. */
export type Tensors = Readonly<Record<string, OnnxTensor>>;

/** A loaded graph. */
export interface OnnxSession {
  /** Blocks the event loop while it computes, for all that it returns a promise. `outputs` are written over. */
  run(inputs: Tensors, outputs?: Tensors): Promise<Tensors>;
  release(): Promise<void>;
}

interface Package {
  InferenceSession: { create(model: Uint8Array, options: object): Promise<OnnxSession> };
  Tensor: new (type: string, data: Float32Array | BigInt64Array, dims: readonly number[]) => OnnxTensor;
}

/** onnxruntime-node. */
export interface OnnxRuntime {
  /** @param threads Of its pool, the calling one included. */
  open(model: Uint8Array, threads: number): Promise<OnnxSession>;
  floats(data: Float32Array, dims: readonly number[]): OnnxTensor;
  ids(data: BigInt64Array, dims: readonly number[]): OnnxTensor;
}

export const ONNX_RUNTIME = "onnxruntime-node";

/** The package, or why there is none. */
export function onnxRuntime(): OnnxRuntime | { readonly missing: string } {
  const opened = openPackage<Package>(ONNX_RUNTIME);
  if ("missing" in opened) return opened;
  const { InferenceSession, Tensor } = opened.package;
  return {
    open: (model, threads) =>
      InferenceSession.create(model, {
        intraOpNumThreads: threads,
        interOpNumThreads: 1,
        graphOptimizationLevel: "all",
        logSeverityLevel: 3,
      }),
    floats: (data, dims) => new Tensor("float32", data, dims),
    ids: (data, dims) => new Tensor("int64", data, dims),
  };
}

/** int64 of ids. */
export const int64s = (values: Iterable<number>): BigInt64Array => BigInt64Array.from(values, BigInt);
