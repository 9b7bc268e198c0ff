/** What each route answers, over real sockets. */
import { Ajv } from "ajv";
import test from "ava";
import { serveRecommender } from "../../lib/http/index.js";
import { explanation, recommendation } from "../../lib/http/schemas.js";
import { Recommender } from "../../lib/serving/recommender.js";
import { saveRecommender } from "../../lib/serving/save.js";
import { ratedShelf } from "../serving/ratedShelf.js";
import { savedShelf, shelfOf } from "../serving/shelf.js";
import { posted, served } from "./served.js";

const patient = { deadlineMs: 60_000 };

test("/recommend answers as the recommender does", async (t) => {
  const { post, recommender } = await served(t);
  for (const request of [
    { user: "user-003", k: 5 },
    { history: [1003, 1009], k: 3, exclude: [1001], excludeSeen: false },
    { user: "user-001", allow: [1000, 1001, 1002, 1003], mode: "conventional" as const },
    { user: "nobody", k: 4 },
  ]) {
    const { timings: _, ...answer } = await recommender.recommend(request);
    const { status, body } = await post("/recommend", request);
    t.is(status, 200);
    t.like(body, JSON.parse(JSON.stringify(answer)));
    t.true(body.timings.totalMs > 0);
  }
});

test("inline the language model orders, and the answer says so", async (t) => {
  const { post } = await served(t);
  const { status, body } = await post("/recommend", { user: "user-003", mode: "inline", ...patient });
  t.is(status, 200);
  t.deepEqual(body.engines, ["conventional", "languageModel"]);
  t.is(body.notRefined, null);
  t.true(body.alpha > 0 && body.timings.languageModelMs > 0);
  t.true(new Ajv({ allowUnionTypes: true }).validate(recommendation, body));
});

test("without time it says why it has no part", async (t) => {
  const { post } = await served(t);
  const { body } = await post("/recommend", { user: "user-003", mode: "inline", deadlineMs: 0 });
  t.deepEqual(body.engines, ["conventional"]);
  t.is(body.notRefined, "timeout");
});

test("/recommend/many answers in order", async (t) => {
  const { post, recommender } = await served(t);
  const requests = [{ user: "user-001", k: 2 }, { history: [1004] }, { user: "user-002" }];
  const { status, body } = await post("/recommend/many", { requests });
  t.is(status, 200);
  const expected = await recommender.recommendMany(requests);
  t.deepEqual(
    body.recommendations.map(({ ids }: { ids: unknown }) => ids),
    expected.map(({ ids }) => ids),
  );
});

test("/score gives null for what is not known: there is no NaN in JSON", async (t) => {
  const { post, recommender } = await served(t);
  const { status, body } = await post("/score", { user: "user-003", items: [1000, "1000", 1059] });
  const [first, , third] = recommender.score({ user: "user-003" }, [1000, "1000", 1059]);
  t.is(status, 200);
  t.deepEqual(body, { scores: [first, null, third] });
});

test("/rate gives ratings where there is a rater, null for what is not known", async (t) => {
  const shelf = await ratedShelf();
  const recommender = await Recommender.open(await savedShelf(t, shelf));
  const server = await serveRecommender({ recommender, port: 0, drainMs: 0 });
  t.teardown(() => server.close());
  const request = { history: [1000, 1001], ratings: [5, null], items: [1003, "1003"] };
  const response = await posted(`${server.url}/rate`, request);
  t.is(response.status, 200);
  t.deepEqual(await response.json(), { ratings: [recommender.rate(request)[0], null] });
  const bad = await posted(`${server.url}/rate`, { ...request, ratings: [5] });
  t.is(bad.status, 400);
  t.like(await bad.json(), { error: { code: "E_ARGUMENT", field: "ratings" } });
});

test("/rate without a rater is no route of this recommender", async (t) => {
  const { post } = await served(t);
  const { status, body } = await post("/rate", { user: "user-003", items: [1000] });
  t.is(status, 404);
  t.like(body.error, { code: "E_TASK", field: null });
});

test("/items/:id/similar takes the id as the type it names", async (t) => {
  const { get, recommender } = await served(t);
  const { status, body } = await get("/items/1007/similar?type=number&k=4");
  t.is(status, 200);
  t.deepEqual(body, recommender.similarItems(1007, { k: 4 }));
  const text = await get("/items/1007/similar");
  t.is(text.status, 400);
  t.like(text.body.error, { code: "E_ARGUMENT", field: "id" });
});

test("/explain shows both sides, what moved, and why", async (t) => {
  const { post, recommender } = await served(t);
  const request = { user: "user-003", k: 6, candidates: 8, ...patient };
  const { status, body } = await post("/explain", request);
  t.is(status, 200);
  t.true(new Ajv({ allowUnionTypes: true }).validate(explanation, body));
  t.is(body.conventional.length, 6);
  t.is(body.languageModel.length, 8);
  t.is(body.notRefined, null);
  t.regex(body.prompt, /Title \d+/);
  const listed = await recommender.recommend({ ...request, mode: "inline" });
  t.deepEqual(
    body.mixed.map(({ id }: { id: number }) => id),
    listed.ids,
  );
  for (const { because } of body.mixed) {
    t.true(because.length <= 3);
    for (const { share } of because) t.true(share > 0 && share <= 1);
  }
});

test("alpha 0 gives the conventional list, alpha 1 the language model's", async (t) => {
  const { post } = await served(t);
  const ids = (list: { id: number }[]) => list.map(({ id }) => id);
  for (const [alpha, side] of [
    [0, "conventional"],
    [1, "languageModel"],
  ] as const) {
    const { body } = await post("/explain", { user: "user-005", alpha, ...patient });
    t.deepEqual(ids(body.mixed), ids(body[side]));
    t.like(body.alpha, { value: alpha });
    t.true(body.alpha.adaptive > 0 && body.alpha.adaptive < 1);
  }
});

test("/update counts at once, all of it or nothing", async (t) => {
  const { post } = await served(t);
  const before = (await post("/recommend", { user: "user-003", k: 1 })).body.ids[0];
  const bad = await post("/update", {
    interactions: [
      { user: "user-003", item: before },
      { user: "user-003", item: "unheard of" },
    ],
  });
  t.is(bad.status, 400);
  t.is(bad.body.error.field, "interactions[1].item");
  t.is((await post("/recommend", { user: "user-003", k: 1 })).body.ids[0], before);
  const good = await post("/update", {
    items: [{ id: "new", title: "A new one" }],
    interactions: [
      { user: "user-003", item: before },
      { user: "user-003", item: "new", rating: 4 },
    ],
  });
  t.deepEqual(good.body, { interactions: 2, items: 1 });
  t.false((await post("/recommend", { user: "user-003", k: 20 })).body.ids.includes(before));
});

test("/reload answers from what was saved since", async (t) => {
  const { post, folder, recommender } = await served(t);
  const before = recommender.snapshot;
  t.deepEqual((await post("/reload", {})).body, { reloaded: false, snapshot: before });
  const generation = await saveRecommender(folder, shelfOf({ seed: 2 }));
  t.deepEqual((await post("/reload", {})).body, { reloaded: true, snapshot: generation });
  t.is((await post("/recommend", { user: "user-001" })).body.snapshot, generation);
});

test("routes that change something can be left out", async (t) => {
  const { post, recommender } = await served(t, { admin: false });
  t.is((await post("/update", { interactions: [] })).status, 404);
  t.is((await post("/reload", {})).status, 404);
  t.is((await post("/recommend", { user: "user-001" })).status, 200);
  t.is(recommender.stats().running, 0);
});

test("/live and /ready", async (t) => {
  const { get, recommender } = await served(t);
  t.deepEqual((await get("/live")).body, { live: true });
  t.deepEqual((await get("/ready")).body, { ready: true, snapshot: recommender.snapshot });
  await recommender.close();
  t.is((await get("/live")).status, 200);
  const { status, body } = await get("/ready");
  t.is(status, 503);
  t.false(body.ready);
});

test("/metrics counts answers by who gave them, and tells of the language model", async (t) => {
  const { get, post, recommender } = await served(t);
  await post("/recommend", { user: "user-001", mode: "conventional" });
  await post("/recommend", { user: "user-001", mode: "inline", deadlineMs: 0 });
  for (let time = 0; time < 2; time++)
    await post("/recommend", { user: "user-001", mode: "inline", ...patient });
  await post("/recommend", { user: true });
  const { text, headers } = await get("/metrics");
  t.regex(headers.get("content-type") ?? "", /^text\/plain; version=/);
  const value = (series: string): number => {
    const line = text.split("\n").find((each) => each.startsWith(`${series} `));
    return Number(line?.slice(series.length + 1));
  };
  t.is(value('llama4rec_recommend_seconds_count{engine="conventional",mode="conventional"}'), 1);
  t.is(value('llama4rec_recommend_seconds_count{engine="conventional",mode="inline"}'), 1);
  t.is(value('llama4rec_recommend_seconds_count{engine="languageModel",mode="inline"}'), 2);
  t.is(value('llama4rec_not_refined_total{reason="off"}'), 1);
  t.is(value('llama4rec_not_refined_total{reason="timeout"}'), 1);
  t.is(value("llama4rec_alpha_count"), 2);
  t.is(value('llama4rec_failures_total{code="E_ARGUMENT"}'), 1);
  t.is(value(`llama4rec_snapshot_info{snapshot="${recommender.snapshot}"}`), 1);
  t.is(value("llama4rec_items"), 60);
  t.true(value('llama4rec_scheduler_jobs_total{outcome="done"}') >= 1);
  t.true(value('llama4rec_language_model_calls_total{outcome="answered"}') >= 1);
  t.is(value('llama4rec_language_model_calls_total{outcome="fault"}'), 0);
  t.is(value("llama4rec_language_model_cache_hits_total"), recommender.stats().languageModel?.cacheHits ?? 0);
  t.true(value('llama4rec_language_model_tokens_total{source="evaluated"}') > 0);
});

test("/openapi.json describes every route, with schemas that compile", async (t) => {
  const { get } = await served(t, { ui: true });
  const { body } = await get("/openapi.json");
  t.is(body.openapi, "3.1.0");
  t.deepEqual(Object.keys(body.paths).sort(), [
    "/explain",
    "/items/{id}/similar",
    "/live",
    "/metrics",
    "/rate",
    "/ready",
    "/recommend",
    "/recommend/many",
    "/reload",
    "/score",
    "/ui/items",
    "/ui/users",
    "/update",
  ]);
  const ajv = new Ajv({ allowUnionTypes: true });
  for (const [path, methods] of Object.entries<Record<string, Operation>>(body.paths))
    for (const { summary, responses, requestBody } of Object.values(methods)) {
      t.truthy(summary, path);
      t.truthy(responses["200"], path);
      if (requestBody !== undefined)
        t.truthy(ajv.compile(requestBody.content["application/json"].schema), path);
      for (const { content } of Object.values(responses))
        for (const { schema } of Object.values(content ?? {})) t.truthy(ajv.compile(schema), path);
    }
});

interface Content {
  readonly content: Readonly<Record<string, { readonly schema: object }>>;
}

interface Operation {
  readonly summary?: string;
  readonly requestBody?: Content;
  readonly responses: Readonly<Record<string, Partial<Content>>>;
}
