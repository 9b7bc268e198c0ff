import { existsSync } from "node:fs";
import { digestOf } from "../data/digest.js";
import type { BackboneDefinition } from "../models/backbone.js";
import { cpuInfo } from "../native/addon.js";
import { Llama4RecError } from "../native/errors.js";
import type { AdamState, Parameter } from "../native/parameter.js";
import { corrupt } from "../storage/header.js";
import {
  readTensorFile,
  type StoredTensor,
  type TensorFile,
  writeTensorFile,
} from "../storage/safetensors.js";
import type { EpochReport } from "./options.js";
import type { TaskSource } from "./task.js";

/** Version of what a checkpoint holds; readers refuse others. */
const contentVersion = "1";

/** What validation is called where there is none. */
export const noValidation = "none";

/** Values of all parameters, in their order, at the end of an epoch. */
export interface GoodState {
  readonly epoch: number;
  /** Null where that epoch was not validated. */
  readonly validation: number | null;
  readonly values: readonly Float32Array[];
}

/** How far a training has come: all that it goes on from, beside the parameters and what Adam keeps for them. */
export interface Progress {
  /** The epoch under way, from 1. */
  epoch: number;
  /** Batches of it that are done. */
  batches: number;
  /** Steps done in all. */
  steps: number;
  /** Sum over those batches of loss times weight, and of the weights. */
  loss: number;
  weight: number;
  /** Validations since the best one. */
  sinceBest: number;
  history: EpochReport[];
  /** The best validated state, else the one at the end of the last epoch. */
  good: GoodState | null;
}

/** What a checkpoint belongs to, by name. Training goes on only where all of it is the same. */
export type Identity = Readonly<Record<string, string | number>>;

/** All that decides the bits of a training, but for the two that say when it ends: `epochs` and `patience`. */
export function identityOf(
  run: TaskSource & {
    readonly definition: BackboneDefinition;
    /** What validation measures, as text. */
    readonly validation: string;
    readonly evaluateEvery: number;
  },
): Identity {
  const { epochs: _, ...rest } = run.hyperparameters;
  return {
    backbone: `${run.definition.name} (${run.definition.task})`,
    ...Object.fromEntries(Object.entries(rest).map(([name, value]) => [`hyper-parameter ${name}`, value])),
    seed: run.seed,
    "training view": run.view.digest,
    "extra pairs": run.extraPairs === null ? "none" : digestOf([run.extraPairs]),
    insertions: run.insertions === null ? "none" : digestOf([run.insertions]),
    validation: run.validation,
    evaluateEvery: run.validation === noValidation ? 0 : run.evaluateEvery,
    "instruction-set level": cpuInfo().level,
  };
}

/** The file that a training is kept in. */
export class CheckpointFile {
  readonly path: string;
  readonly #identity: Identity;
  readonly #parameters: readonly Parameter[];

  constructor(path: string, identity: Identity, parameters: readonly Parameter[]) {
    this.path = path;
    this.#identity = identity;
    this.#parameters = parameters;
  }

  /**
   * Writes parameters, what Adam keeps for them, and progress as one file.
   * @param commit Called last of all before the file is replaced: what it throws leaves the old one there.
   * @throws Llama4RecError `E_DIVERGED` when a number is not finite, `E_FILE` when the file cannot be written.
   */
  async write(progress: Progress, commit: () => void): Promise<void> {
    const { good, ...counts } = progress;
    const tensors = new Map<string, StoredTensor>();
    const updates: number[] = [];
    for (const [index, parameter] of this.#parameters.entries()) {
      const shape = [parameter.rows, parameter.columns];
      const state = parameter.readState() ?? zeroState(parameter);
      const names = tensorNames(parameter);
      tensors.set(names.values, { shape, values: finite(parameter, parameter.read()) });
      tensors.set(names.first, { shape, values: finite(parameter, state.first) });
      tensors.set(names.second, { shape, values: finite(parameter, state.second) });
      tensors.set(names.rowSteps, { shape: [parameter.rows], values: state.rowSteps });
      if (good !== null) tensors.set(names.good, { shape, values: good.values[index] });
      updates.push(state.steps);
    }
    const metadata = {
      content: contentVersion,
      identity: JSON.stringify(this.#identity),
      progress: JSON.stringify({
        ...counts,
        updates,
        good: good === null ? null : { epoch: good.epoch, validation: good.validation },
      }),
    };
    await writeTensorFile(this.path, { kind: "checkpoint", metadata, tensors }, commit);
  }

  /**
   * Reads progress, and the parameters back to what they were; null where there is no file. Nothing is changed unless
   * all of it can be.
   * @throws Llama4RecError `E_MISMATCH` naming all that differs when it belongs to another training, `E_CORRUPT`,
   *   `E_VERSION`, `E_FILE`.
   */
  async read(): Promise<Progress | null> {
    const { path } = this;
    const parameters = this.#parameters;
    if (!existsSync(path)) return null;
    const file = await readTensorFile(path, { kind: "checkpoint", verify: true });
    const { content } = file.metadata;
    if (content !== contentVersion)
      throw new Llama4RecError(
        "E_VERSION",
        `${path}: expected a checkpoint of version ${contentVersion}, got version ${content}`,
      );
    checkIdentity(path, this.#identity, json(path, file, "identity"));
    const { good, updates, ...counts } = json(path, file, "progress") as StoredProgress;
    const restored = parameters.map((parameter, index) => {
      const names = tensorNames(parameter);
      return {
        parameter,
        values: floats(path, file, names.values, parameter),
        state: {
          first: floats(path, file, names.first, parameter),
          second: floats(path, file, names.second, parameter),
          rowSteps: counters(path, file, names.rowSteps),
          steps: updates[index],
        },
        good: good === null ? null : floats(path, file, names.good, parameter),
      };
    });
    if (file.tensors.size !== (good === null ? 4 : 5) * parameters.length)
      throw new Llama4RecError("E_MISMATCH", `${path}: it holds parameters that the backbone does not have`);
    for (const { parameter, values, state } of restored) parameter.write(values).writeState(state);
    if (good === null) return { ...counts, good };
    return { ...counts, good: { ...good, values: restored.flatMap(({ good: values }) => values ?? []) } };
  }
}

/** Progress as it stands in the file. */
type StoredProgress = Omit<Progress, "good"> & {
  readonly good: Omit<GoodState, "values"> | null;
  /** Updates of each parameter, in their order. */
  readonly updates: readonly number[];
};

/** Values of a parameter, when they are finite. */
export function finite(parameter: Parameter, values: Float32Array): Float32Array {
  for (let i = 0; i < values.length; i++)
    if (!Number.isFinite(values[i]))
      throw new Llama4RecError("E_DIVERGED", `parameter ${parameter.name} is no longer finite`);
  return values;
}

const tensorNames = ({ name }: Parameter) => ({
  values: `values.${name}`,
  first: `first.${name}`,
  second: `second.${name}`,
  rowSteps: `row_steps.${name}`,
  good: `good.${name}`,
});

const zeroState = ({ rows, columns }: Parameter): AdamState => ({
  first: new Float32Array(rows * columns),
  second: new Float32Array(rows * columns),
  rowSteps: new Int32Array(rows),
  steps: 0,
});

function checkIdentity(path: string, here: Identity, there: Identity): void {
  const short = (value: string | number | undefined): string =>
    value === undefined ? "nothing" : String(value).replace(/^([0-9a-f]{12})[0-9a-f]{52}$/, "$1...");
  const differing = [...new Set([...Object.keys(here), ...Object.keys(there)])].filter(
    (name) => here[name] !== there[name],
  );
  if (differing.length === 0) return;
  const list = differing.map((name) => `${name} (${short(there[name])} there, ${short(here[name])} here)`);
  throw new Llama4RecError(
    "E_MISMATCH",
    `${path}: expected a checkpoint of this training, but it differs in ${list.join(", ")}`,
  );
}

/** An entry of the metadata. The file's checksums say that it is what a writer of this version wrote. */
function json(path: string, { metadata }: TensorFile, name: string) {
  try {
    return JSON.parse(metadata[name] ?? "");
  } catch {
    throw corrupt(path, `its ${name} is no JSON`);
  }
}

function floats(
  path: string,
  { tensors }: TensorFile,
  name: string,
  { rows, columns }: Parameter,
): Float32Array {
  const tensor = tensors.get(name);
  const there = tensor?.shape.join(" x ") ?? "nothing";
  if (!(tensor?.values instanceof Float32Array) || there !== `${rows} x ${columns}`)
    throw new Llama4RecError(
      "E_MISMATCH",
      `${path}: expected tensor ${name} of ${rows} x ${columns} numbers, got ${there}`,
    );
  return tensor.values;
}

function counters(path: string, { tensors }: TensorFile, name: string): Int32Array {
  const values = tensors.get(name)?.values;
  if (!(values instanceof Int32Array)) throw corrupt(path, `it has no counters ${name}`);
  return values;
}
