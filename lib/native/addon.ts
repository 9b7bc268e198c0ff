import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import type { Done } from "./asyncCall.js";
import { describe, type ErrorCode, Llama4RecError } from "./errors.js";
import type { AdamState } from "./parameter.js";
import type { EncoderShape } from "./sequenceEncoder.js";

/** What the engine found about the processor. */
export interface CpuInfo {
  /** Instruction-set level in use: `scalar`, `avx2`, `avx512` or `neon`. */
  readonly level: string;
  /** Levels that this build holds and this machine supports, weakest first. */
  readonly available: readonly string[];
  /** Processors this process may use (affinity mask and cgroup quota considered). */
  readonly processors: number;
}

/** A GPU that the CUDA backend can use. */
export interface CudaDevice {
  readonly name: string;
  /** Compute capability, such as `9.0`. */
  readonly capability: string;
  /** Bytes, and how many of them are free. */
  readonly memory: number;
  readonly free: number;
}

/** What the engine found about GPUs. */
export interface CudaInfo {
  /** Whether a device can be used. */
  readonly available: boolean;
  /** Why not; empty when one can. */
  readonly reason: string;
  readonly devices: readonly CudaDevice[];
}

/** Filters of a top-k call. Row `b` of `excluded` is `excluded[excludedOffsets[b] .. excludedOffsets[b + 1])`. */
export interface NativeTopKFilter {
  readonly excludedOffsets?: Int32Array | null;
  readonly excluded?: Int32Array | null;
  /** One byte an item; a non-zero byte denies the item to the whole batch. */
  readonly denied?: Uint8Array | null;
  /** Only these items may appear; null allows all. */
  readonly allowed?: Int32Array | null;
}

/** What decides the layout of a catalogue's memory. */
export interface NativeCatalogueSizes {
  readonly items: number;
  readonly dimension: number;
  /** Whether items have biases. */
  readonly biased: boolean;
  /** Whether there is a shadow of 4 bits beside the one of 8. */
  readonly coarse: boolean;
}

/** How a catalogue lies in memory. */
export interface NativeCatalogueLayout {
  /** Of the layout, and the sizes that it was made for. */
  readonly version: number;
  readonly panelItems: number;
  readonly codeBlock: number;
  /** One after the other. */
  readonly sections: readonly {
    readonly name: string;
    readonly dtype: "F32" | "I32" | "U8";
    readonly shape: readonly number[];
  }[];
}

/**
 * The whole surface of the native addon, described once. Numbers named `parameter`, `optimizer`, `sampler`,
 * `graph`, `catalogue` and `encoder` are ids of native objects, `tensor` a handle that lives until the step ends. Every function throws an
 * error with a stable `code`; {@link native} turns it into a `Llama4RecError`.
 * @internal
 */
export interface Addon {
  cpuInfo(): CpuInfo;
  cudaInfo(): CudaInfo;
  threads(): number;
  setThreads(threads: number): void;
  setLane(threads: number, background: boolean): void;
  readBandwidth(bytes: number, threads: number): number;
  fmaRate(threads: number): number;
  byteMultiplyRate(threads: number): number;
  lookupSeconds(rows: number, ids: Int32Array, count: number, bag: number): number;

  parameterCreate(name: string, rows: number, columns: number): number;
  parameterAcquire(parameter: number): void;
  parameterRelease(parameter: number): void;
  parameterFillUniform(parameter: number, low: number, high: number, seed: number, stream: number): void;
  parameterFillNormal(parameter: number, deviation: number, seed: number, stream: number): void;
  parameterRead(parameter: number): Float32Array;
  parameterWrite(parameter: number, values: Float32Array): void;
  parameterReadState(parameter: number): AdamState | null;
  parameterWriteState(
    parameter: number,
    first: Float32Array,
    second: Float32Array,
    rowSteps: Int32Array,
    steps: number,
  ): void;

  tapeReset(): void;
  tapeRandomize(seed: number, step: number): void;
  tapeInput(values: Float32Array, rows: number, columns: number): number;
  tapeUse(parameter: number): number;
  tapeUseFrozen(parameter: number): number;
  tapeShape(tensor: number): [rows: number, columns: number];
  tapeValue(tensor: number): Float32Array;
  tapeGradient(tensor: number): Float32Array;
  tapeItem(tensor: number): number;
  tapeBackward(loss: number): void;
  gather(parameter: number, rows: Int32Array): number;
  embed(
    table: number,
    rows: Int32Array,
    scale: number,
    positions: number,
    places: Int32Array,
    dropout: number,
  ): number;
  bag(
    parameter: number,
    indices: Int32Array,
    offsets: Int32Array,
    weights: Float32Array | null,
    mean: boolean,
  ): number;
  rowDot(a: number, b: number): number;
  matmul(a: number, b: number, transposeA: boolean, transposeB: boolean): number;
  bprLoss(positive: number, negative: number): number;
  bprRows(
    users: number,
    items: number,
    userRows: Int32Array,
    positives: Int32Array,
    negatives: Int32Array,
    l2: number,
  ): number;
  l2(x: number): number;
  add(a: number, b: number): number;
  scale(x: number, factor: number): number;
  linear(
    x: number,
    weight: number,
    bias: number,
    activation: string,
    dropout: number,
    residual: number | null,
  ): number;
  layerNorm(x: number, gain: number, bias: number, epsilon: number): number;
  dropout(x: number, rate: number): number;
  addDropout(residual: number, x: number, rate: number): number;
  attention(qkv: number, offsets: Int32Array, heads: number, causal: boolean, dropout: number): number;
  take(x: number, rows: Int32Array): number;
  reshape(x: number, rows: number, columns: number): number;
  slice(x: number, first: number, rows: number): number;
  normalizeRows(x: number): number;
  propagate(graph: number, x: number): number;
  multiply(a: number, b: number): number;
  relu(x: number): number;
  biInteraction(x: number, fields: number): number;
  pairProducts(x: number, fields: number): number;
  cross(first: number, x: number, weight: number, bias: number): number;
  outerRows(a: number, b: number): number;
  sumGroups(x: number, size: number): number;
  softmaxPool(scores: number, x: number, size: number): number;
  transposeBlocks(x: number, rows: number): number;
  hopMix(x: number, users: number, positives: Int32Array, candidates: Int32Array): number;
  bceLoss(positive: number, negative: number): number;
  softmaxLoss(states: number, table: number, targets: Int32Array, weights: Float32Array | null): number;
  logSoftmax(states: number, table: number, targets: Int32Array): number;
  rmsNorm(x: number, gain: number, epsilon: number): number;
  swiglu(x: number): number;
  rope(x: number, positions: Int32Array, heads: number, width: number, base: number): number;
  segmentAttention(
    x: number,
    segments: Int32Array,
    sequences: Int32Array,
    heads: number,
    kvHeads: number,
    dropout: number,
  ): number;

  adamCreate(
    parameters: readonly number[],
    learningRate: number,
    beta1: number,
    beta2: number,
    epsilon: number,
    weightDecay: number,
    maxNorm: number,
    decoupled: boolean,
  ): number;
  adamSetLearningRate(optimizer: number, learningRate: number): void;
  adamStep(optimizer: number): number;
  adamRelease(optimizer: number): void;

  samplerCreate(
    userCount: number,
    itemCount: number,
    offsets: Int32Array,
    items: Int32Array,
    extra: Int32Array,
    negatives: number,
    seed: number,
  ): number;
  samplerStartEpoch(sampler: number, epoch: number, start: number): void;
  samplerExamples(sampler: number): number;
  samplerNext(sampler: number, users: Int32Array, positives: Int32Array, negatives: Int32Array): number;
  samplerRelease(sampler: number): void;

  graphCreate(userCount: number, itemCount: number, offsets: Int32Array, items: Int32Array): number;
  graphDropEdges(graph: number, rate: number, seed: number, stream: number): number;
  graphEdges(graph: number): number;
  graphRelease(graph: number): void;

  sequencesCreate(
    itemCount: number,
    offsets: Int32Array,
    items: Int32Array,
    length: number,
    negatives: number,
    seed: number,
  ): number;
  sequencesStartEpoch(sampler: number, epoch: number, start: number): void;
  sequencesExamples(sampler: number): number;
  sequencesNext(
    sampler: number,
    offsets: Int32Array,
    inputs: Int32Array,
    positions: Int32Array,
    targets: Int32Array,
    negatives: Int32Array,
  ): number;
  sequencesRelease(sampler: number): void;

  catalogueCreate(items: Float32Array, biases: Float32Array | null, count: number, dimension: number): number;
  catalogueAcquire(catalogue: number): void;
  catalogueRelease(catalogue: number): void;
  catalogueTopK(
    catalogue: number,
    queries: Float32Array,
    batch: number,
    k: number,
    filter: NativeTopKFilter | null,
    ids: Int32Array,
    scores: Float64Array,
    counts: Int32Array,
  ): void;
  bruteForceTopK(
    items: Float32Array,
    biases: Float32Array | null,
    dimension: number,
    queries: Float32Array,
    k: number,
    filter: NativeTopKFilter | null,
    ids: Int32Array,
    scores: Float64Array,
    counts: Int32Array,
    device: number,
  ): void;
  sequenceAttention(
    queries: Float32Array,
    keys: Float32Array,
    values: Float32Array,
    offsets: Int32Array,
    dimension: number,
    heads: number,
    scale: number,
    causal: boolean,
    into: Float32Array,
  ): void;

  embeddingCreate(values: Float32Array, dimension: number, storage: string): number;
  embeddingRelease(table: number): void;
  embeddingBytes(table: number): number;
  /** `device`: the number of a GPU, or -1. */
  embeddingLookup(
    table: number | Float32Array,
    dimension: number,
    ids: Int32Array,
    into: Float32Array,
    device: number,
  ): void;
  embeddingBag(
    table: number | Float32Array,
    dimension: number,
    ids: Int32Array,
    offsets: Int32Array,
    weights: Float32Array | null,
    mean: boolean,
    into: Float32Array,
    device: number,
  ): void;

  /** Asynchronous calls return their number; the results are in their arrays when `done` is called without an error. */
  catalogueTopKAsync(
    catalogue: number,
    queries: Float32Array,
    batch: number,
    k: number,
    filter: NativeTopKFilter | null,
    ids: Int32Array,
    scores: Float64Array,
    counts: Int32Array,
    done: Done,
  ): number;
  encoderTopKAsync(
    encoder: number,
    offsets: Int32Array,
    items: Int32Array,
    k: number,
    filter: NativeTopKFilter | null,
    ids: Int32Array,
    scores: Float64Array,
    counts: Int32Array,
    done: Done,
  ): number;
  encoderEncodeAsync(
    encoder: number,
    offsets: Int32Array,
    items: Int32Array,
    states: Float32Array,
    done: Done,
  ): number;
  asyncDrop(call: number): void;
  sha256(bytes: Uint8Array): string;
  catalogueSizes(catalogue: number): NativeCatalogueSizes;
  catalogueLayout(items: number, dimension: number, biased: boolean, coarse: boolean): NativeCatalogueLayout;
  catalogueRead(catalogue: number, begin: number, into: Uint8Array): void;
  catalogueOpen(
    file: number,
    begin: number,
    items: number,
    dimension: number,
    biased: boolean,
    coarse: boolean,
    map: boolean,
  ): Promise<number>;
  encoderCreate(
    shape: EncoderShape,
    weights: readonly Float32Array[],
    maskToken: Float32Array | null,
  ): number;
  /** Over a catalogue, which it shares: `weights` are without the items. */
  encoderOver(
    catalogue: number,
    shape: EncoderShape,
    weights: readonly Float32Array[],
    maskToken: Float32Array | null,
  ): number;
  encoderAcquire(encoder: number): void;
  encoderRelease(encoder: number): void;
  encoderEncode(encoder: number, offsets: Int32Array, items: Int32Array): Float32Array;
  encoderTopK(
    encoder: number,
    offsets: Int32Array,
    items: Int32Array,
    k: number,
    filter: NativeTopKFilter | null,
    ids: Int32Array,
    scores: Float64Array,
    counts: Int32Array,
  ): void;
  selectTopK(
    scores: Float64Array,
    batch: number,
    items: number,
    k: number,
    filter: NativeTopKFilter | null,
    bestIds: Int32Array,
    bestScores: Float64Array,
    counts: Int32Array,
  ): void;

  spdInverse(matrix: Float64Array, size: number): Promise<Float64Array>;
  gram(offsets: Int32Array, items: Int32Array, weights: Float64Array | null, itemCount: number): Float64Array;
  sparseScores(
    offsets: Int32Array,
    items: Int32Array,
    weights: Float64Array | null,
    matrix: Float64Array,
    itemCount: number,
  ): Float64Array;
}

const nativeCodes: readonly ErrorCode[] = [
  "E_ARGUMENT",
  "E_DISPOSED",
  "E_DIVERGED",
  "E_NO_MEMORY",
  "E_FILE",
  "E_DEVICE",
  "E_INTERNAL",
];

function load(): Addon {
  try {
    const bindings: typeof import("bindings") = createRequire(import.meta.url)("bindings");
    return bindings({
      bindings: "llama4rec.node",
      module_root: fileURLToPath(new URL("../../../", import.meta.url)),
      try: [
        ["module_root", "build", "Release", "bindings"],
        ["module_root", "prebuilds", `${process.platform}-${process.arch}`, "bindings"],
      ],
    }) as Addon;
  } catch (cause) {
    const own = translated(cause);
    if (own instanceof Llama4RecError) throw own; // it loaded, and refuses a setting
    const reason = cause instanceof Error ? cause.message.split(/[.\n]/)[0] : describe(cause);
    throw new Llama4RecError(
      "E_ADDON",
      `the native engine could not be loaded (${reason}); build it with a C++20 compiler and CMake: ` +
        "npx llama4rec build",
      { cause },
    );
  }
}

/**
 * An error of the addon as a `Llama4RecError`; anything else as it is.
 * @internal
 */
export function translated(error: unknown): unknown {
  if (!(error instanceof Error) || !("code" in error)) return error;
  const code = nativeCodes.find((known) => known === error.code);
  return code === undefined ? error : new Llama4RecError(code, error.message, { cause: error });
}

let loaded: Addon | undefined;

/**
 * The addon, loaded at first use.
 * @throws Llama4RecError `E_ADDON` when the binary is missing or does not load.
 * @internal
 */
export function native(): Addon {
  loaded ??= load();
  return loaded;
}

/**
 * Calls into the addon and turns its errors into `Llama4RecError`.
 * @internal
 */
export function call<T>(body: (addon: Addon) => T): T {
  try {
    return body(native());
  } catch (error) {
    throw translated(error);
  }
}

/** Processor facts and the instruction-set level in use; `LLAMA4REC_CPU` forces a level. */
export function cpuInfo(): CpuInfo {
  return call((addon) => addon.cpuInfo());
}

/** GPUs that the engine's CUDA backend can use, or why there are none. Looked for when first asked. */
export function cudaInfo(): CudaInfo {
  return call((addon) => addon.cudaInfo());
}

/** Threads of the one native pool, the calling thread included. Default: `LLAMA4REC_THREADS`, else all processors. */
export function threads(): number {
  return call((addon) => addon.threads());
}

/**
 * Sets the size of the native pool of this process. Results have the same bits at any number.
 * @param count 1 to 256.
 * @throws Llama4RecError `E_ARGUMENT` out of that range.
 */
export function setThreads(count: number): void {
  call((addon) => addon.setThreads(count));
}

/**
 * The lane of the calling thread in the native pool: of the main thread or of the worker that calls. Results have the
 * same bits in any lane. Work that native code does in threads of its own, such as `spdInverse`, has no lane.
 * @param limit Threads that work at most for one call from here, the calling thread included: 0 to 256, 0 for no limit
 * but the pool's size.
 * @param background Whether the pool's other threads serve the calls of foreground threads first. This thread itself
 * never waits for them.
 * @throws Llama4RecError `E_ARGUMENT` out of that range.
 * @internal
 */
export function setLane(limit: number, background: boolean): void {
  call((addon) => addon.setLane(limit, background));
}
