import { statSync } from "node:fs";
import { Llama4RecError } from "../native/errors.js";
import type { AdamState, Parameter } from "../native/parameter.js";
import { corrupt } from "../storage/header.js";
import {
  readTensorFile,
  type StoredTensor,
  type TensorFile,
  writeTensorFile,
} from "../storage/safetensors.js";
import { checkedIdentity, checkIdentity, type Identity } from "./identity.js";
import { checkedProgress, type Progress } from "./progress.js";

/** Progress that a checkpoint can hold: plain data, with the values of all parameters in a state that was good. */
export interface Kept {
  readonly good: { readonly values: readonly Float32Array[] } | null;
}

/** Progress as it stands in a file. */
export type Stored<P extends Kept> = Omit<P, "good"> & {
  readonly good: Omit<NonNullable<P["good"]>, "values"> | null;
  /** Updates of each parameter, in their order. */
  readonly updates: readonly number[];
};

/** Checks progress that was read for so many parameters; throws `E_CORRUPT` for what no training could have written. */
export type ProgressCheck<P extends Kept> = (path: string, value: unknown, parameters: number) => Stored<P>;

/** Version of what a checkpoint holds; readers refuse others. */
const contentVersion = "1";

/** The file that a training is kept in; `P` is its progress, by default that of a backbone. */
export class CheckpointFile<P extends Kept = Progress> {
  readonly path: string;
  readonly #identity: Identity;
  readonly #parameters: readonly Parameter[];
  readonly #check: ProgressCheck<P>;
  /** The file that this training began from or wrote last: only that one is replaced. */
  #stamp: string | null;

  constructor(path: string, identity: Identity, parameters: readonly Parameter[], check: ProgressCheck<P>) {
    this.path = path;
    this.#identity = identity;
    this.#parameters = parameters;
    this.#check = check;
    this.#stamp = stampOf(path);
  }

  /**
   * Writes parameters, what Adam keeps for them, and progress as one file.
   * @param commit Called last of all before the file is replaced: what it throws leaves the old one there.
   * @throws Llama4RecError `E_DIVERGED` when a number is not finite, `E_FILE` when the file cannot be written,
   *   `E_MISMATCH` when another training has written it meanwhile: it stays as it is.
   */
  async write(progress: P, commit: () => void): Promise<void> {
    const { good, ...counts } = progress;
    const { values: goodValues = [], ...goodCounts } = good ?? {};
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
      if (good !== null) tensors.set(names.good, { shape, values: goodValues[index] });
      updates.push(state.steps);
    }
    const metadata = {
      content: contentVersion,
      identity: JSON.stringify(this.#identity),
      progress: JSON.stringify({
        ...counts,
        updates,
        good: good === null ? null : goodCounts,
      }),
    };
    let stamp: string | null = null;
    await writeTensorFile(this.path, { kind: "checkpoint", metadata, tensors }, (written) => {
      commit();
      this.#checkUntouched();
      stamp = stampOf(written); // a rename keeps it; under the final name another training may be faster
    });
    this.#stamp = stamp;
  }

  #checkUntouched(): void {
    const stamp = stampOf(this.path);
    if (stamp !== null && stamp !== this.#stamp)
      throw new Llama4RecError(
        "E_MISMATCH",
        `${this.path}: expected the checkpoint that this training wrote or began from, got one that was written meanwhile`,
      );
  }

  /**
   * Reads progress, and the parameters back to what they were; null where there is no file. Nothing is changed unless
   * all of it can be.
   * @throws Llama4RecError `E_MISMATCH` naming all that differs when it belongs to another training, `E_CORRUPT`,
   *   `E_VERSION`, `E_FILE`.
   */
  async read(): Promise<P | null> {
    const { path } = this;
    const parameters = this.#parameters;
    if (this.#stamp === null) return null;
    const file = await readTensorFile(path, { kind: "checkpoint", verify: true });
    const { content } = file.metadata;
    if (content !== contentVersion)
      throw new Llama4RecError(
        "E_VERSION",
        `${path}: expected a checkpoint of version ${contentVersion}, got version ${content}`,
      );
    checkIdentity(path, this.#identity, checkedIdentity(path, json(path, file, "identity")));
    const { good, updates, ...counts } = this.#check(path, json(path, file, "progress"), parameters.length);
    const restored = parameters.map((parameter, index) => {
      const names = tensorNames(parameter);
      return {
        parameter,
        values: floats(path, file, names.values, parameter),
        state: {
          first: floats(path, file, names.first, parameter),
          second: squares(path, file, names.second, parameter),
          rowSteps: counters(path, file, parameter, updates[index]),
          steps: updates[index],
        },
        good: good === null ? null : floats(path, file, names.good, parameter),
      };
    });
    if (file.tensors.size !== (good === null ? 4 : 5) * parameters.length)
      throw new Llama4RecError("E_MISMATCH", `${path}: it holds parameters that the model does not have`);
    for (const { parameter, values, state } of restored) parameter.write(values).writeState(state);
    const values = restored.flatMap(({ good: found }) => found ?? []);
    // What was taken apart above is put together again: P.
    return { ...counts, good: good === null ? null : { ...good, values } } as unknown as P;
  }
}

/** The checkpoint of a backbone's training. */
export function trainingCheckpoint(
  path: string,
  identity: Identity,
  parameters: readonly Parameter[],
): CheckpointFile {
  return new CheckpointFile(path, identity, parameters, checkedProgress);
}

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

/** Tells a file from one that has replaced it; null where there is none. */
function stampOf(path: string): string | null {
  const stat = statSync(path, { bigint: true, throwIfNoEntry: false });
  return stat === undefined ? null : `${stat.dev} ${stat.ino} ${stat.size} ${stat.mtimeNs}`;
}

/** An entry of the metadata. Checksums find damage, not what a program wrote wrongly: its content is checked too. */
function json(path: string, { metadata }: TensorFile, name: string): unknown {
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
  for (let at = 0; at < tensor.values.length; at++)
    if (!Number.isFinite(tensor.values[at])) throw corrupt(path, `${name}[${at}] is ${tensor.values[at]}`);
  return tensor.values;
}

function squares(path: string, file: TensorFile, name: string, parameter: Parameter): Float32Array {
  const values = floats(path, file, name, parameter);
  for (let at = 0; at < values.length; at++)
    if (values[at] < 0) throw corrupt(path, `${name}[${at}] is ${values[at]}`);
  return values;
}

/** Updates of each row, none of which has more than its parameter. */
function counters(path: string, { tensors }: TensorFile, parameter: Parameter, most: number): Int32Array {
  const name = tensorNames(parameter).rowSteps;
  const values = tensors.get(name)?.values;
  if (!(values instanceof Int32Array) || values.length !== parameter.rows)
    throw corrupt(path, `it has no ${parameter.rows} counters ${name}`);
  for (let row = 0; row < values.length; row++)
    if (values[row] < 0 || values[row] > most)
      throw corrupt(path, `${name}[${row}] is ${values[row]} of ${most} updates`);
  return values;
}
