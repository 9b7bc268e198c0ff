import { type ExternalId, IdMap } from "../data/idMap.js";
import { argumentError } from "../native/errors.js";
import { packageVersion } from "../native/packageVersion.js";
import { isObject, jsonOf } from "../storage/json.js";

/** What a model file says about its model, for whoever loads it. All of it is optional. */
export interface ModelAbout {
  /** Name of the backbone in the registry. */
  readonly backbone?: string;
  readonly task?: string;
  /** That the model was trained with. */
  readonly hyperparameters?: Readonly<Record<string, number>>;
  /** Id of each user index. */
  readonly users?: IdMap;
  /** Id of each item index. */
  readonly items?: IdMap;
  /** What it reached, by the name of the metric. */
  readonly metrics?: Readonly<Record<string, number>>;
  /** Digest of the data set that it was trained on. */
  readonly dataDigest?: string;
  /** Version of this package that wrote the file; set by the writer. */
  readonly createdBy?: string;
}

/** Turns a JSON value into a field, or says by `name` what is wrong with it. */
type Check<T> = (name: string, value: unknown) => T;

const text: Check<string> = (name, value) => {
  if (typeof value !== "string") throw argumentError(name, "a string", value);
  return value;
};

const numbers: Check<Record<string, number>> = (name, value) => {
  if (!isObject(value)) throw argumentError(name, "numbers by name", value);
  const entries = Object.entries(value).map(([key, number]): [string, number] => {
    if (typeof number !== "number" || !Number.isFinite(number))
      throw argumentError(`${name}.${key}`, "a finite number", number);
    return [key, number];
  });
  return Object.fromEntries(entries);
};

const isId = (value: unknown): value is ExternalId => typeof value === "string" || Number.isFinite(value);

const idList: Check<readonly ExternalId[]> = (name, value) => {
  if (!Array.isArray(value)) throw argumentError(name, "a list of ids", value);
  return value.map((id, index) => {
    if (!isId(id)) throw argumentError(`${name}[${index}]`, "a string or a finite number", id);
    return id;
  });
};

const ids: Check<IdMap> = (name, value) => {
  const list = idList(name, value);
  const map = IdMap.from(list);
  let index = 0;
  for (const id of map) {
    if (id !== list[index]) break;
    index++;
  }
  if (index < list.length)
    throw argumentError(`${name}[${index}]`, "distinct ids in ascending order", list[index]);
  return map;
};

const checks: { readonly [Name in keyof ModelAbout]-?: Check<NonNullable<ModelAbout[Name]>> } = {
  backbone: text,
  task: text,
  hyperparameters: numbers,
  users: ids,
  items: ids,
  metrics: numbers,
  dataDigest: text,
  createdBy: text,
};
const names = Object.keys(checks) as (keyof ModelAbout)[];

/**
 * The texts of the fields that are given, each as JSON, with this version of the package.
 * @throws Llama4RecError `E_ARGUMENT` for a field of another type.
 */
export function aboutTexts(about: ModelAbout): Record<string, string> {
  const texts: Record<string, string> = {};
  for (const name of names) {
    const value = name === "createdBy" ? packageVersion() : about[name];
    if (value === undefined) continue;
    const isMap = value instanceof IdMap; // in order already
    const plain = isMap ? [...value] : value;
    (isMap ? idList : checks[name])(`about.${name}`, plain);
    texts[name] = JSON.stringify(plain);
  }
  return texts;
}

/**
 * The fields that {@link aboutTexts} wrote; other texts are left alone.
 * @throws Llama4RecError `E_ARGUMENT` for a field of another type or one that is no JSON.
 */
export function aboutOf(texts: Readonly<Record<string, string>>): ModelAbout {
  const given = names.filter((name) => Object.hasOwn(texts, name));
  const fields = given.map((name) => [name, checks[name](`about.${name}`, jsonOf(texts[name]))]);
  return Object.fromEntries(fields) as ModelAbout;
}
