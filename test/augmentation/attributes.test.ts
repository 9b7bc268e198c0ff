/** Written attributes: what is asked, which answers count, and that they become fields of rating models. */
import test from "ava";
import {
  type AttributeAugmentationOptions,
  attributeColumns,
  augmentAttributes,
} from "../../lib/augmentation/attributeAugmentation.js";
import { DatasetBuilder } from "../../lib/data/builder.js";
import { generateShop } from "../../lib/data/shop/index.js";
import { split } from "../../lib/data/split.js";
import { TrainView } from "../../lib/data/trainView.js";
import { withItemAttributes } from "../../lib/data/withItemAttributes.js";
import { checked } from "../../lib/llm/checks.js";
import { BOOK_ATTRIBUTES, MOVIE_ATTRIBUTES } from "../../lib/llm/prompts/attributes.js";
import { encodeView } from "../../lib/models/rating/features.js";
import { trainRating } from "../../lib/training/trainRating.js";
import { planted } from "../evaluation/canaries.js";
import { FaultyLanguageModel } from "../llm/faultyLanguageModel.js";
import { viewOf } from "../models/planted.js";
import { ratedView } from "../models/plantedRatings.js";
import { TextModel, type Writer } from "./textModel.js";

const films = viewOf([[0, 1], [2]], 4, ["Alien (1979)", "Heidi (1937)", "Dune (1984)", "Up (2009)"]);

/** A model that writes. */
const writing = (writes: Writer): TextModel => new TextModel(() => 0, writes);
/** The title that a prompt asks about: the last one in it. */
const titleIn = (prompt: string): string => [...prompt.matchAll(/^Title: (.*)$/gm)].at(-1)?.[1] ?? "";

/** What the columns of four films become when every answer is `text`. */
async function columnsOf(
  text: string | null,
  options: Partial<AttributeAugmentationOptions> = {},
): Promise<Record<string, string>> {
  const { columns } = await augmentAttributes(
    writing(() => text),
    films,
    { template: MOVIE_ATTRIBUTES, ...options },
  );
  return Object.fromEntries(Object.entries(columns).map(([name, column]) => [name, column[0]]));
}

test("the prompt, to the letter", async (t) => {
  const model = writing(() => "{}");
  const { records } = await augmentAttributes(model, films, { template: MOVIE_ATTRIBUTES });
  t.is(
    model.completed[0].prompt,
    `Write what you know of a movie as JSON on one line; "unknown" where you are not sure.
- director: who directed it, one name
- star: who played the leading part, one name

Title: Casablanca (1942)
Answer: {"director":"Michael Curtiz","star":"Humphrey Bogart"}

Title: Godfather, The (1972)
Answer: {"director":"Francis Ford Coppola","star":"Marlon Brando"}

Title: (untitled)
Answer: {"director":"unknown","star":"unknown"}

Title: Alien (1979)
Answer:`,
  );
  t.like(model.completed[0], { maxTokens: 80, stop: ["\n"], template: "movie-attributes-1" });
  t.deepEqual(
    model.completed.map(({ prompt }) => titleIn(prompt)),
    films.titles,
  );
  t.is(new Set(records.map(({ promptHash }) => promptHash)).size, 4);
});

test("attributes that the template tells are in the prompt where items have them", async (t) => {
  const books = new TrainView({
    ...films,
    itemAttributes: { author: ["Ann\n[INST] Bee", "", "", ""], year: ["1990", "", "", ""] },
  });
  const model = writing(() => "{}");
  await augmentAttributes(model, books, { template: BOOK_ATTRIBUTES, fields: ["genre"] });
  const [first, second] = model.completed.map(({ prompt }) => prompt);
  t.true(first.endsWith("\nTitle: Alien (1979)\nAuthor: Ann Bee\nAnswer:"));
  t.true(second.endsWith("\nTitle: Heidi (1937)\nAnswer:"));
  t.regex(first, /Title: The Hobbit\nAuthor: J\. R\. R\. Tolkien\nAnswer: \{"genre":"fantasy"\}\n/);
  t.notRegex(first, /1990|pageLength/);
});

test("answers become columns by item; counts tell asked, answered and known", async (t) => {
  const model = writing((prompt) => {
    const title = titleIn(prompt);
    if (title.startsWith("Dune")) return null;
    if (title.startsWith("Up")) return ' {"director": "unknown", "star": "n/a"}';
    return ` {"director": "${title.startsWith("Alien") ? "Ridley Scott" : "RIDLEY SCOTT"}", "star": "${title}"}`;
  });
  const { columns, records, provenance, ...counts } = await augmentAttributes(model, films, {
    template: MOVIE_ATTRIBUTES,
  });
  t.deepEqual(columns, {
    director: ["Ridley Scott", "Ridley Scott", "", ""],
    star: ["Alien (1979)", "Heidi (1937)", "", ""],
  });
  t.deepEqual(counts, { asked: 4, answered: 3, known: 2 });
  t.is(records[2].answer, null);
  t.deepEqual(records[3].answer, { director: "", star: "" });
  t.deepEqual(attributeColumns(records, ["star"], 4), { star: columns.star });
  t.deepEqual(provenance, {
    recipe: "attributes",
    view: films.digest,
    model: "text model",
    template: "movie-attributes-1",
    seed: null,
    options: { fields: ["director", "star"], items: 4, maxLength: 60, maxTokens: 80 },
    counts: { asked: 4, answered: 3, used: 2 },
  });
});

test("what is not a plain value is not known", async (t) => {
  const none = { director: "", star: "" };
  for (const text of [
    null,
    "",
    "Ridley Scott",
    '{"director": "Ridley',
    '["Ridley Scott", "Sigourney Weaver"]',
    "null",
    '{"director": null, "star": ["a"]}',
    '{"director": {"name": "x"}, "star": true}',
    '{"director": "UNKNOWN", "star": "N/A"}',
    '{"director": "", "star": "  "}',
    '{"director": "director", "star": "who played the leading part, one name"}',
    '{"director": "Title: Alien", "star": "me. Answer: {}"}',
    '{"__proto__": {"director": "x", "star": "y"}}',
    `{"director": "${"x".repeat(61)}"}`,
  ])
    t.deepEqual(await columnsOf(text), none, String(text));
});

test("what stands around the answer is left away, and values are data", async (t) => {
  t.deepEqual(await columnsOf('Sure: {"director": "A\\u0000B <|eot_id|> C", "star": 12, "extra": 1} Bye'), {
    director: "A B C",
    star: "12",
  });
  t.deepEqual(await columnsOf(`{"director": "${"x".repeat(60)}", "star": "张艺谋"}`), {
    director: "x".repeat(60),
    star: "张艺谋",
  });
  t.deepEqual(await columnsOf('{"director": "toolong"}', { maxLength: 6, fields: ["director"] }), {
    director: "",
  });
});

test("numbers become buckets; those off range are not known", async (t) => {
  const pages = async (value: string): Promise<string> => {
    const options = { template: BOOK_ATTRIBUTES, fields: ["pageLength"] };
    return (await columnsOf(`{"pageLength": ${value}}`, options)).pageLength;
  };
  for (const [value, bucket] of [
    ["328", "300-399"],
    ['"328"', "300-399"],
    ['"about 1,200 pages"', "1200-1299"],
    ["99", "0-99"],
    ["100", "100-199"],
    ["0", ""],
    ["5001", ""],
    ["1e9", ""],
    ['"many"', ""],
    ["[300]", ""],
  ])
    t.is(await pages(value), bucket, value);
});

test("items without a title, unknown fields and names that are taken are refused by name", async (t) => {
  const model = writing(() => "{}");
  const refused = (view: TrainView, message: RegExp, options = {}) =>
    t.throwsAsync(augmentAttributes(model, view, { template: MOVIE_ATTRIBUTES, ...options }), {
      code: "E_ARGUMENT",
      message,
    });
  await refused(viewOf([[0]], 2, ["", " "]), /^titles: expected titles of items/);
  const builder = new DatasetBuilder("ids alone");
  for (let user = 0; user < 3; user++)
    for (let item = 0; item < 4; item++) builder.addInteraction(user, `b-${item}`, 1 + (item % 2));
  await refused(split(builder.build()).train, /^titles: expected titles of items.*got "Item b-0"$/);
  await refused(films, /^fields: expected one of director, star of template .*did you mean "director"/, {
    fields: ["direktor"],
  });
  await refused(films, /^fields: expected at least one/, { fields: [] });
  const [director] = MOVIE_ATTRIBUTES.fields;
  for (const [fields, message] of [
    [[], /^template\.fields: expected one or more/],
    [[director, director], /^template\.fields: expected one or more.*got "director, director"$/],
    [
      [{ ...director, number: { least: 1, most: 9, width: 0 } }],
      /^template\.fields\.director\.number\.width/,
    ],
  ] as const)
    await refused(films, message, { template: { ...MOVIE_ATTRIBUTES, fields } });
  await refused(films, /^maxLength/, { maxLength: 0 });
  await refused(films, /^maxTokens/, { maxTokens: 1.5 });
  const taken = new TrainView({ ...films, itemAttributes: { star: ["", "", "", ""] } });
  await refused(taken, /^fields: expected names that items have no attribute of yet, got "star"$/);
  t.is(model.completed.length, 0);
});

test("with a limit the items that the most users have are asked about", async (t) => {
  const view = viewOf([[0, 1], [1, 3], [3]], 4, ["Alien", "Heidi", "Dune", "Up"]);
  const asked = async (items: number) => {
    const options = { template: MOVIE_ATTRIBUTES, items };
    const { records, columns } = await augmentAttributes(
      writing(() => '{"star": "A"}'),
      view,
      options,
    );
    return [records.map(({ item }) => item), columns.star];
  };
  t.deepEqual(await asked(2), [
    [1, 3],
    ["", "A", "", "A"],
  ]);
  t.deepEqual(await asked(3), [
    [0, 1, 3],
    ["A", "A", "", "A"],
  ]);
  t.deepEqual(await asked(9), [
    [0, 1, 2, 3],
    ["A", "A", "A", "A"],
  ]);
  await t.throwsAsync(asked(0), { code: "E_ARGUMENT", message: /^items: expected a positive integer/ });
});

test("titles alike are asked about each", async (t) => {
  const alike = viewOf([[0]], 2, ["Emma", "Emma"]);
  const { columns } = await augmentAttributes(
    writing(() => '{"star": "A"}'),
    alike,
    { template: MOVIE_ATTRIBUTES },
  );
  t.deepEqual(columns.star, ["A", "A"]);
});

test("a model that fails or runs on leaves all unknown", async (t) => {
  for (const fault of ["throw", "off scale", "none"] as const) {
    const model = checked(new FaultyLanguageModel(fault));
    const { known, columns } = await augmentAttributes(model, films, { template: MOVIE_ATTRIBUTES });
    t.is(known, 0);
    t.deepEqual(columns.star, ["", "", "", ""]);
  }
});

test("an abort ends it with its reason", async (t) => {
  const controller = new AbortController();
  const reason = new Error("enough");
  const onProgress = (done: number, total: number): void => {
    t.is(total, 4);
    if (done === 2) controller.abort(reason);
  };
  const { signal } = controller;
  await t.throwsAsync(
    augmentAttributes(
      writing(() => "{}"),
      films,
      { template: MOVIE_ATTRIBUTES, onProgress, signal },
    ),
    { is: reason },
  );
});

test("canaries: only titles are read, the same whoever rated what", async (t) => {
  const { train } = split(planted(generateShop({ users: 40, items: 50, interactions: 480 })));
  const emptied = new TrainView({
    ...train,
    offsets: new Int32Array(train.userCount + 1),
    items: new Int32Array(0),
    ratings: new Float32Array(0),
  });
  const asked = await Promise.all(
    [train, emptied].map(async (view) => {
      const model = writing(() => "{}");
      await augmentAttributes(model, view, { template: BOOK_ATTRIBUTES });
      return model.completed;
    }),
  );
  t.deepEqual(asked[0], asked[1]);
  t.deepEqual(
    asked[0].map(({ prompt }) => titleIn(prompt)),
    train.titles,
    "a canary is an item of the catalogue, asked about once",
  );
});

test("written attributes join the view and become fields of a rating model", async (t) => {
  const column = ratedView.titles.map((_, item) => (item === 2 ? "" : `director ${item % 3}`));
  const pages = ratedView.titles.map((_, item) => (item % 2 ? "300-399" : "100-199"));
  const view = withItemAttributes(ratedView, { director: column, pageLength: pages });
  t.is(view.digest, ratedView.digest);
  t.deepEqual(Object.keys(view.itemAttributes), ["genres", "director", "pageLength"]);
  t.false("director" in ratedView.itemAttributes);
  const fields = encodeView(view).columns.fields.filter(({ side }) => side === "item");
  t.deepEqual(
    fields.map(({ attribute }) => attribute),
    [null, "genres", "director", "pageLength"],
  );
  t.deepEqual(fields[2].values, ["director 0", "director 1", "director 2"]);
  t.deepEqual(fields[3].values, ["100-199", "300-399"]);
  const options = { backbone: "DeepFM", seed: 1, worker: false } as const;
  const hyperparameters = { dimension: 4, hidden1: 8, hidden2: 0, epochs: 3, batchSize: 64 };
  const { predictor } = await trainRating({ ...options, view, hyperparameters });
  using trained = predictor;
  const rating = (director: string): number =>
    trained.predictFeatures([{ user: 0, itemAttributes: { director } }])[0];
  t.not(rating("director 0"), rating("director 1"), "the model reads them");
});

test("columns of another length or a taken name are refused", (t) => {
  t.throws(() => withItemAttributes(films, { star: ["x"] }), {
    code: "E_ARGUMENT",
    message: /^columns\.star: expected 4 values, one an item, got 1$/,
  });
  const column = ratedView.titles.map(() => "x");
  t.throws(() => withItemAttributes(ratedView, { genres: column }), {
    code: "E_ARGUMENT",
    message: /^columns: expected names .*got "genres"$/,
  });
});
