/** JSON Schemas of the HTTP interface: what is checked, what is written, and what the OpenAPI document shows. */
import { mostRated } from "../serving/rating.js";
import {
  longestDeadline,
  mostCandidates,
  mostItems,
  servingModes,
  unknownPolicies,
} from "../serving/request.js";

/** A JSON Schema as plain data. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/** Requests of one call of /recommend/many. */
const mostRequests = 1000;
/** Interactions or items of one update. */
const mostOfUpdate = 100_000;

/** An object that has these properties and no others. */
const object = (
  properties: Readonly<Record<string, JsonSchema>>,
  required: readonly string[] = [],
): JsonSchema => ({
  type: "object",
  properties,
  required,
  additionalProperties: false,
});

/** An object of an answer: all of its properties are there. */
const answer = (properties: Readonly<Record<string, JsonSchema>>): JsonSchema =>
  object(properties, Object.keys(properties));

const list = (items: JsonSchema, rest: JsonSchema = {}): JsonSchema => ({ type: "array", items, ...rest });
const about = (schema: JsonSchema, description: string): JsonSchema => ({ ...schema, description });

const number: JsonSchema = { type: "number" };
const count: JsonSchema = { type: "integer", minimum: 0 };
const text: JsonSchema = { type: "string" };
const boolean: JsonSchema = { type: "boolean" };
const nullable = (schema: JsonSchema): JsonSchema => ({ ...schema, type: [schema.type, "null"] });
/** The number 7 and the string "7" are different ids. */
const id: JsonSchema = { type: ["string", "number"] };
const ids = list(id);

const limit: JsonSchema = about(
  { type: "integer", minimum: 1, maximum: mostItems, default: 10 },
  "most items of the list",
);
const candidates: JsonSchema = about(
  { type: "integer", minimum: 2, maximum: mostCandidates, default: 10 },
  "how many of the backbone's best the language model orders",
);
const deadlineMs = about(
  { type: "number", maximum: longestDeadline },
  "milliseconds that an answer with the language model may take in all",
);

const whom = {
  user: about(id, "id of a user"),
  history: about(ids, "ids of items, oldest first: instead of what is known of the user"),
  unknown: about(
    { type: "string", enum: unknownPolicies },
    "what happens with ids that the model does not know",
  ),
};

/** Body of /recommend. */
export const recommendRequest = object({
  ...whom,
  k: limit,
  exclude: about(ids, "items that must not be in it"),
  allow: about(ids, "if given, only these"),
  excludeSeen: about(boolean, "whether items of the history stay out"),
  mode: about({ type: "string", enum: servingModes }, "who answers, and when"),
  candidates,
  deadlineMs,
});

const timings = answer({ conventionalMs: number, languageModelMs: number, totalMs: number });
const notRefined = about(nullable(text), "why the language model has no part in it; null where it has");

/** Answer of /recommend. */
export const recommendation = answer({
  ids: about(ids, "best first"),
  scores: about(list(number), "the conventional model's score of each"),
  engines: about(
    list({ type: "string", enum: ["conventional", "languageModel"] }),
    "who had a part in the order",
  ),
  alpha: about(number, "weight of the language model; 0 where it has no part"),
  notRefined,
  snapshot: text,
  timings,
});

/** Body of /recommend/many. */
export const manyRequest = object(
  { requests: list(recommendRequest, { minItems: 1, maxItems: mostRequests }) },
  ["requests"],
);
/** Answer of /recommend/many. */
export const manyAnswer = answer({ recommendations: list(recommendation) });

/** Items of one /score, and of a list of /explain. */
const mostScored = 10_000;
const mostExplained = 100;

/** Body of /score. */
export const scoreRequest = object(
  { ...whom, items: about(list(id, { maxItems: mostScored }), "items to score") },
  ["items"],
);
/** Answer of /score. */
export const scoreAnswer = answer({ scores: about(list(nullable(number)), "null for what is not known") });

/** Body of /rate. */
export const rateRequest = object(
  {
    ...whom,
    ratings: about(list(nullable(number)), "of the items of history, null where there is none"),
    items: about(list(id, { maxItems: mostRated }), "items to rate"),
  },
  ["items"],
);
/** Answer of /rate. */
export const rateAnswer = answer({
  ratings: about(list(nullable(number)), "in the range of the training ratings; null for what is not known"),
});

/** Path of /items/:id/similar. */
export const itemPath = object({ id: text }, ["id"]);
/** Query of /items/:id/similar. */
export const similarQuery = object({
  k: limit,
  type: about(
    { type: "string", enum: ["string", "number"], default: "string" },
    'what the id in the path is: 7 and "7" are different ids',
  ),
});
/** Answer of /items/:id/similar. */
export const similarAnswer = answer({ ids, scores: about(list(number), "cosines") });

/** Body of /explain. */
export const explainRequest = object({
  ...whom,
  k: { ...limit, maximum: mostExplained },
  candidates,
  deadlineMs,
  alpha: about(
    { type: "number", minimum: 0, maximum: 1 },
    "weight of the language model in place of this person's own",
  ),
});

const item = { id, title: text };
const explainedItem = { ...item, place: count, score: number };

/** Answer of /explain. */
export const explanation = answer({
  snapshot: text,
  history: list(object({ title: text, rating: number }, ["title"])),
  conventional: list(answer(explainedItem)),
  languageModel: { ...list(answer(explainedItem)), type: ["array", "null"] },
  mixed: list(
    answer({
      ...explainedItem,
      conventionalPlace: count,
      languageModelPlace: nullable(count),
      because: list(answer({ ...item, share: number })),
    }),
  ),
  becauseApproximate: boolean,
  alpha: nullable(
    answer({
      value: number,
      adaptive: number,
      interactions: count,
      coefficient: number,
      range: answer({ min: number, max: number }),
      alpha1: number,
      alpha2: number,
      form: text,
    }),
  ),
  prompt: nullable(text),
  notRefined,
  foldIn: text,
  timings,
});

/** Body of /update. */
export const updateRequest = object({
  interactions: list(object({ user: id, item: id, rating: number }, ["user", "item"]), {
    maxItems: mostOfUpdate,
  }),
  items: list(object(item, ["id", "title"]), { maxItems: mostOfUpdate }),
});
/** Answer of /update. */
export const updateAnswer = answer({ interactions: count, items: count });
/** Answer of /reload. */
export const reloadAnswer = answer({ reloaded: boolean, snapshot: text });

/** Answer of /live. */
export const liveAnswer = answer({ live: boolean });
/** Answer of /ready. */
export const readyAnswer = answer({ ready: boolean, snapshot: text });

/** Query of the page's searches. */
export const searchQuery = object({
  q: { type: "string", maxLength: 200, default: "" },
  limit: { type: "integer", minimum: 1, maximum: 50, default: 20 },
});
/** Answer of /ui/items. */
export const foundItems = answer({ items: list(answer(item)) });
/** Answer of /ui/users. */
export const foundUsers = answer({ users: list(answer({ id, interactions: count })) });

/** Every answer that is none: 4xx and 5xx. */
export const failure = answer({
  error: answer({
    code: about(text, "stable: programs match on it"),
    message: text,
    field: about(nullable(text), "the part of the request that is wrong"),
  }),
});

/** The answers of a route: its own, and failures. */
export const answers = (own: JsonSchema): Readonly<Record<string, JsonSchema>> => ({
  200: own,
  "4xx": failure,
  "5xx": failure,
});
