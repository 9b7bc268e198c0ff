import { argumentError } from "../native/errors.js";
import { isObject, jsonOf } from "../storage/json.js";
import type { StoredTensor } from "../storage/safetensors.js";
import type { Hyperparameters } from "./backbone.js";
import type { ParameterValues, RatingModel } from "./frozen.js";
import type { ModelTensors } from "./modelTensors.js";
import { fieldsOfAttribute } from "./rating/attributeFields.js";
import type { SideRows } from "./rating/featureBatch.js";
import type { EncodingColumns, Field } from "./rating/features.js";
import type { ResidualFit } from "./rating/userFoldIn.js";
import type { Tensors } from "./tensors.js";

/** Before the names of the model's own parameters. */
const own = "parameters.";

/** A rating model as tensors, and as one text for all that is none. */
export function ratingTensors({
  name,
  hyperparameters,
  encoding,
  parameters,
  foldIn,
}: RatingModel): ModelTensors {
  const { users, items, history, ...rest } = encoding;
  const tensors = new Map<string, StoredTensor>();
  for (const [side, lists] of Object.entries({ users, items, history }))
    if (lists !== null) {
      tensors.set(`${side}.offsets`, { shape: [lists.offsets.length], values: lists.offsets });
      tensors.set(`${side}.rows`, { shape: [lists.rows.length], values: lists.rows });
    }
  for (const [parameter, { rows, columns, values }] of Object.entries(parameters))
    tensors.set(own + parameter, { shape: [rows, columns], values });
  return {
    texts: { model: "rating", name, encoding: JSON.stringify({ ...rest, hyperparameters, foldIn }) },
    tensors,
  };
}

/**
 * The model that {@link ratingTensors} took apart; nothing is trusted.
 * @throws Llama4RecError `E_ARGUMENT` that names what does not fit.
 */
export function ratingModel(name: string, texts: ModelTensors["texts"], tensors: Tensors): RatingModel {
  const stored = objectOf("encoding", jsonOf(texts.encoding));
  const userCount = count("encoding.userCount", stored.userCount, 0);
  const itemCount = count("encoding.itemCount", stored.itemCount, 0);
  const [mean, low, high] = (["mean", "low", "high"] as const).map((part) =>
    finite(`encoding.${part}`, stored[part]),
  );
  if (!(low <= mean && mean <= high)) throw argumentError("encoding.mean", `in ${low}..${high}`, mean);
  const fields = checkedFields(stored.fields, { user: userCount, item: itemCount });
  const last = fields[fields.length - 1];
  const rows = last.first + last.rows;
  const ofUsers = fields.filter(({ side }) => side === "user");
  const ofItems = fields.filter(({ side }) => side === "item");
  const encoding: EncodingColumns = {
    userCount,
    itemCount,
    mean,
    low,
    high,
    fields,
    users: checkedRows("users", tensors, (userCount + 1) * ofUsers.length, rows, ofUsers),
    items: checkedRows("items", tensors, (itemCount + 1) * ofItems.length, rows, ofItems),
    history: tensors.has("history.offsets")
      ? checkedRows("history", tensors, userCount, itemCount, null)
      : null,
  };
  const parameters = tensors.names
    .filter((tensor) => tensor.startsWith(own))
    .map((tensor): [string, ParameterValues] => {
      const [height, columns] = tensors.matrix(tensor);
      const values = tensors.floats(tensor, [height, columns]);
      return [tensor.slice(own.length), { rows: height, columns, values }];
    });
  if (parameters.length === 0) throw argumentError("tensors", "the parameters of a model", "none");
  return {
    kind: "rating",
    name,
    hyperparameters: checkedHyperparameters(stored.hyperparameters),
    encoding,
    parameters: Object.fromEntries(parameters),
    ...(stored.foldIn === undefined ? {} : { foldIn: checkedFit(stored.foldIn) }),
  };
}

function checkedFit(value: unknown): ResidualFit {
  const given = objectOf("encoding.foldIn", value);
  const [damping, ridge, recency, floor] = (["damping", "ridge", "recency", "floor"] as const).map((part) => {
    const number = finite(`encoding.foldIn.${part}`, given[part]);
    if (part === "floor" ? number < 0 : !(number > 0))
      throw argumentError(`encoding.foldIn.${part}`, "a positive number", number);
    return number;
  });
  if (recency > 1) throw argumentError("encoding.foldIn.recency", "at most 1", recency);
  return { damping, ridge, recency, floor };
}

function checkedHyperparameters(value: unknown): Hyperparameters {
  const given = objectOf("hyperparameters", value);
  for (const [name, number] of Object.entries(given)) finite(`hyperparameters.${name}`, number);
  for (const name of ["epochs", "batchSize", "learningRate"]) finite(`hyperparameters.${name}`, given[name]);
  return given as Hyperparameters;
}

/** Fields that follow one another, of users and then of items, ids first. */
function checkedFields(value: unknown, counts: { readonly user: number; readonly item: number }): Field[] {
  if (!Array.isArray(value) || value.length < 2) throw argumentError("encoding.fields", "two or more", value);
  let first = 0;
  const fields = value.map((entry: unknown, at): Field => {
    const name = `encoding.fields[${at}]`;
    const { side, attribute, part, values, ...rest } = objectOf(name, entry);
    if (side !== "user" && side !== "item") throw argumentError(`${name}.side`, "user or item", side);
    if (attribute !== null && typeof attribute !== "string")
      throw argumentError(`${name}.attribute`, "a text or null", attribute);
    if (typeof part !== "string") throw argumentError(`${name}.part`, "a text", part);
    if (attribute !== null && !fieldsOfAttribute(attribute).some((known) => known.part === part))
      throw argumentError(`${name}.part`, `a part of ${attribute} that this version reads`, part);
    if (!Array.isArray(values)) throw argumentError(`${name}.values`, "a list of texts", values);
    for (const [place, text] of values.entries())
      if (typeof text !== "string" || (place > 0 && !(values[place - 1] < text)))
        throw argumentError(`${name}.values[${place}]`, "texts in ascending order", text);
    const rows = attribute === null ? 1 + counts[side] : 2 + values.length;
    if (rest.first !== first || rest.rows !== rows)
      throw argumentError(name, `${rows} rows from ${first}`, `${rest.rows} from ${rest.first}`);
    first += rows;
    return { side, attribute, part, values, first: first - rows, rows };
  });
  const begins = fields.findIndex(({ side }) => side === "item");
  const ordered = fields.every(
    ({ side, attribute }, at) =>
      (side === "user") === at < begins && (attribute === null) === (at === 0 || at === begins),
  );
  if (begins < 1 || !ordered)
    throw argumentError("encoding.fields", "those of users, then those of items, ids first", "another order");
  return fields;
}

/** Lists of rows below `limit`; those of fields are not empty and within their field. */
function checkedRows(
  name: string,
  tensors: Tensors,
  lists: number,
  limit: number,
  fields: readonly Field[] | null,
): SideRows {
  const offsets = tensors.integers(`${name}.offsets`);
  const rows = tensors.integers(`${name}.rows`);
  if (offsets.length !== lists + 1 || offsets[0] !== 0 || offsets[lists] !== rows.length)
    throw argumentError(`${name}.offsets`, `${lists + 1} from 0 to ${rows.length}`, offsets);
  for (let list = 0; list < lists; list++) {
    const least = fields === null ? 0 : 1;
    if (offsets[list + 1] - offsets[list] < least)
      throw argumentError(`${name}.offsets[${list + 1}]`, `above ${offsets[list]}`, offsets[list + 1]);
    const field = fields?.[list % fields.length];
    const low = field?.first ?? 0;
    const high = field === undefined ? limit : field.first + field.rows;
    for (let at = offsets[list]; at < offsets[list + 1]; at++)
      if (!(rows[at] >= low && rows[at] < high))
        throw argumentError(`${name}.rows[${at}]`, `in ${low}..${high - 1}`, rows[at]);
  }
  return { offsets, rows };
}

function objectOf(name: string, value: unknown): Readonly<Record<string, unknown>> {
  if (!isObject(value)) throw argumentError(name, "an object", value);
  return value;
}

function finite(name: string, value: unknown): number {
  if (typeof value !== "number" || !Number.isFinite(value))
    throw argumentError(name, "a finite number", value);
  return value;
}

function count(name: string, value: unknown, least: number): number {
  if (!Number.isInteger(value) || Number(value) < least || Number(value) > 2 ** 30)
    throw argumentError(name, `an integer in ${least}..2^30`, value);
  return Number(value);
}
