/** What is refused, with which status, code and field. */
import test from "ava";
import { fastify } from "fastify";
import { recommenderPlugin } from "../../lib/http/index.js";
import { Recommender } from "../../lib/serving/recommender.js";
import { savedShelf } from "../serving/shelf.js";
import { posted, served } from "./served.js";

/** Bodies of /recommend with the field that is named. */
const recommend: readonly (readonly [unknown, string])[] = [
  [{}, "user"],
  [[], "body"],
  [5, "body"],
  ["null", "body"],
  [{ user: true }, "user"],
  [{ user: null }, "user"],
  [{ user: ["user-001"] }, "user"],
  [{ user: "user-001", unknown: "throw", k: 1, history: ["none of them"] }, "history[0]"],
  [{ user: "unheard of", unknown: "throw" }, "user"],
  [{ history: [1001, null] }, "history[1]"],
  [{ history: 1001 }, "history"],
  [{ user: "user-001", k: 0 }, "k"],
  [{ user: "user-001", k: 1001 }, "k"],
  [{ user: "user-001", k: 1.5 }, "k"],
  [{ user: "user-001", k: "3" }, "k"],
  [{ user: "user-001", mode: "fast" }, "mode"],
  [{ user: "user-001", candidates: 51 }, "candidates"],
  [{ user: "user-001", deadlineMs: "50" }, "deadlineMs"],
  [{ user: "user-001", exclude: [{}] }, "exclude[0]"],
  [{ user: "user-001", excludeSeen: "yes" }, "excludeSeen"],
  [{ user: "user-001", signal: {} }, "signal"],
  [{ user: "user-001", constructor: 1 }, "constructor"],
];

test("a bad request of a list is refused and its field named", async (t) => {
  const { post } = await served(t);
  for (const [body, field] of recommend) {
    const { status, body: answer } = await post("/recommend", body);
    const about = JSON.stringify(body);
    t.is(status, 400, about);
    t.deepEqual(Object.keys(answer), ["error"], about);
    t.like(answer.error, { code: "E_ARGUMENT", field }, about);
    t.true(answer.error.message.startsWith(`${field}: expected`), answer.error.message);
  }
});

test("so are those of other routes", async (t) => {
  const { get, post } = await served(t);
  for (const [path, body, field] of [
    ["/recommend/many", {}, "requests"],
    ["/recommend/many", { requests: [] }, "requests"],
    ["/recommend/many", { requests: [{ user: "user-001" }, { user: "user-001", k: 0 }] }, "requests[1].k"],
    ["/score", { user: "user-001" }, "items"],
    ["/score", { user: "user-001", items: ["1001"], unknown: "throw" }, "items[0]"],
    ["/explain", { user: "user-001", alpha: 2 }, "alpha"],
    ["/explain", { user: "user-001", mode: "inline" }, "mode"],
    ["/update", { interactions: [{ user: "user-001" }] }, "interactions[0].item"],
    ["/update", { items: [{ id: 5, title: " " }] }, "items[0].title"],
  ] as const) {
    const { status, body: answer } = await post(path, body);
    t.is(status, 400, path);
    t.like(answer.error, { code: "E_ARGUMENT", field }, path);
  }
  for (const [path, field] of [
    ["/items/5/similar?type=number", "id"],
    ["/items/abc/similar?type=number", "id"],
    ["/items/1001/similar?type=number&k=0", "k"],
    ["/items/1001/similar?type=number&k=x", "k"],
    ["/items/1001/similar?type=integer", "type"],
    ["/items/1001/similar?kk=1", "kk"],
  ] as const) {
    const { status, body } = await get(path);
    t.is(status, 400, path);
    t.like(body.error, { code: "E_ARGUMENT", field }, path);
  }
});

test("the number 1001 and the text 1001 are two ids: nothing is made into the other", async (t) => {
  const { post } = await served(t);
  const ask = (item: unknown) => post("/recommend", { history: [item], unknown: "throw" });
  t.is((await ask(1001)).status, 200);
  t.is((await ask("1001")).status, 400);
});

test("what is no JSON, too large, of another type or for no route is refused", async (t) => {
  const { get, post } = await served(t, { bodyLimit: 1000 });
  const cases = [
    [await post("/recommend", '{"user":'), 400, "E_JSON"],
    [await post("/recommend", ""), 400, "E_JSON"],
    [await post("/recommend", '{"user":"user-001","__proto__":{"k":1}}'), 400, "E_JSON"],
    [await post("/recommend", { history: Array(500).fill(1001) }), 413, "E_TOO_LARGE"],
    [await post("/recommend", "user=1", { "content-type": "text/csv" }), 415, "E_MEDIA_TYPE"],
    [await post("/recommendations", {}), 404, "E_ROUTE"],
    [await get("/recommend"), 404, "E_ROUTE"],
    [await get("/"), 404, "E_ROUTE"],
  ] as const;
  for (const [{ status, body }, expected, code] of cases) {
    t.is(status, expected, code);
    t.like(body.error, { code, field: null });
    t.is(typeof body.error.message, "string");
  }
});

test("a recommender that was closed: 503", async (t) => {
  const { post, recommender } = await served(t);
  await recommender.close();
  const { status, body } = await post("/recommend", { user: "user-001" });
  t.is(status, 503);
  t.is(body.error.code, "E_DISPOSED");
});

test("in a server of somebody else's, whose own routes read numbers from texts, it stays as strict", async (t) => {
  const recommender = await Recommender.open(await savedShelf(t));
  const app = fastify({ ajv: { customOptions: { coerceTypes: "array", removeAdditional: "all" } } });
  app.post(
    "/own",
    { schema: { body: { type: "object", properties: { n: { type: "number" } } } } },
    ({ body }) => body,
  );
  await app.register(recommenderPlugin, { prefix: "/v1", recommender });
  const url = await app.listen({ port: 0 });
  t.teardown(async () => {
    await app.close();
    await recommender.close();
  });
  t.deepEqual(await (await posted(`${url}/own`, { n: "5" })).json(), { n: 5 });
  t.is((await posted(`${url}/v1/recommend`, { user: "user-001", k: "5" })).status, 400);
  t.is((await posted(`${url}/v1/recommend`, { user: "user-001", kk: 5 })).status, 400);
  t.is((await posted(`${url}/v1/recommend`, { user: "user-001", k: 5 })).status, 200);
});

test("options that cannot be are refused before it listens", async (t) => {
  const recommender = await Recommender.open(await savedShelf(t));
  t.teardown(() => recommender.close());
  for (const options of [{ rateLimit: 0 }, { rateLimit: 1.5 }, { keys: ["short"] }]) {
    const app = fastify();
    await t.throwsAsync(
      async () => {
        await app.register(recommenderPlugin, { recommender, ...options });
        await app.ready();
      },
      { code: "E_ARGUMENT" },
      JSON.stringify(options),
    );
  }
});
