import { type DigestPart, digestOf } from "../data/digest.js";
import type { TrainView } from "../data/trainView.js";
import type { BackboneDefinition } from "../models/backbone.js";
import { cpuInfo } from "../native/addon.js";
import { Llama4RecError } from "../native/errors.js";
import { packageVersion } from "../native/packageVersion.js";
import { corrupt } from "../storage/header.js";
import type { TaskSource } from "./task.js";

/** What validation is called where there is none. */
export const noValidation = "none";

/** What a checkpoint belongs to, by name. Training goes on only where all of it is the same. */
export type Identity = Readonly<Record<string, string | number>>;

/** What the identity of a training is made from. */
export interface IdentitySource extends TaskSource {
  readonly definition: BackboneDefinition;
  /** Where the definition comes from: see {@link moduleText}. */
  readonly module: string;
  /** What validation measures, as text. */
  readonly validation: string;
  readonly evaluateEvery: number;
}

/**
 * All that decides the bits of a training and can be compared, but for the two that say when it ends: `epochs` and
 * `patience`. Of a backbone that is no part of this package, the code itself cannot be.
 */
export function identityOf(run: IdentitySource): Identity {
  const { epochs: _, ...rest } = run.hyperparameters;
  return {
    "package version": packageVersion(),
    backbone: `${run.definition.name} (${run.definition.task})`,
    "backbone module": run.module,
    ...Object.fromEntries(Object.entries(rest).map(([name, value]) => [`hyper-parameter ${name}`, value])),
    seed: run.seed,
    "training view": run.view.digest,
    "titles and attributes": digestOf(textsOf(run.view)),
    "extra pairs": run.extraPairs === null ? "none" : digestOf([run.extraPairs]),
    insertions: run.insertions === null ? "none" : digestOf([run.insertions]),
    validation: run.validation,
    evaluateEvery: run.validation === noValidation ? 0 : run.evaluateEvery,
    "instruction-set level": cpuInfo().level,
  };
}

/** @throws Llama4RecError `E_CORRUPT` when what stands in a file is no identity. */
export function checkedIdentity(path: string, value: unknown): Identity {
  const whole =
    typeof value === "object" &&
    value !== null &&
    Object.values(value).every((entry) => typeof entry === "string" || typeof entry === "number");
  if (!whole) throw corrupt(path, "its identity is no list of texts and numbers");
  return value as Identity;
}

/**
 * @param what What was expected there.
 * @throws Llama4RecError `E_MISMATCH` naming all in which the training there is not the one here.
 */
export function checkIdentity(
  path: string,
  here: Identity,
  there: Identity,
  what = "a checkpoint of this training",
): void {
  const short = (value: string | number | undefined): string =>
    value === undefined ? "nothing" : String(value).replace(/^([0-9a-f]{12})[0-9a-f]{52}$/, "$1...");
  const differing = [...new Set([...Object.keys(here), ...Object.keys(there)])].filter(
    (name) => here[name] !== there[name],
  );
  if (differing.length === 0) return;
  const list = differing.map((name) => `${name} (${short(there[name])} there, ${short(here[name])} here)`);
  throw new Llama4RecError("E_MISMATCH", `${path}: expected ${what}, but it differs in ${list.join(", ")}`);
}

/** What a backbone may read of a view beside its interactions; counts keep lists apart. */
function* textsOf({ titles, itemAttributes, userAttributes }: TrainView): Generator<DigestPart> {
  yield titles.length;
  yield* titles;
  for (const attributes of [itemAttributes, userAttributes]) {
    const entries = Object.entries(attributes);
    yield entries.length;
    for (const [name, values] of entries) {
      yield name;
      yield values.length;
      for (const value of values)
        if (typeof value === "string") yield value;
        else {
          yield value.length;
          yield* value;
        }
    }
  }
}
