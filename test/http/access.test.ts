/** Who may ask, and how often. */
import { request } from "node:http";
import test from "ava";
import { serveRecommender } from "../../lib/http/index.js";
import { Recommender } from "../../lib/serving/recommender.js";
import { savedShelf } from "../serving/shelf.js";
import { served } from "./served.js";

const keys = ["first-key-0123456789", "second-key-0123456789"] as const;
const person = { user: "user-001" };

test("with keys a request brings one", async (t) => {
  const { post, get } = await served(t, { keys, ui: true });
  for (const headers of [
    {},
    { authorization: "Bearer wrong-key-0123456789" },
    { authorization: `Basic ${keys[0]}` },
    { "x-api-key": `${keys[0]}x` },
    { "x-api-key": "" },
  ] as Record<string, string>[]) {
    const { status, body, headers: answer } = await post("/recommend", person, headers);
    t.is(status, 401, JSON.stringify(headers));
    t.like(body.error, { code: "E_KEY", field: null });
    t.is(answer.get("www-authenticate"), "Bearer");
  }
  t.is((await post("/recommend", person, { authorization: `Bearer ${keys[0]}` })).status, 200);
  t.is((await post("/recommend", person, { "x-api-key": keys[1] })).status, 200);
  for (const path of ["/metrics", "/ui/items", "/ui/users"]) {
    t.is((await get(path)).status, 401, path);
    t.is((await get(path, { "x-api-key": keys[0] })).status, 200, path);
  }
});

test("what machines watch and the page itself need none", async (t) => {
  const { get } = await served(t, { keys, ui: true });
  for (const path of ["/live", "/ready", "/openapi.json", "/", "/page/page.js"])
    t.is((await get(path)).status, 200, path);
});

test("no address that other machines reach without keys", async (t) => {
  const folder = await savedShelf(t);
  for (const host of ["0.0.0.0", "::", "192.168.0.1", "example.com", "127.0.0.1.example.com"]) {
    await using recommender = await Recommender.open(folder);
    await t.throwsAsync(
      serveRecommender({ recommender, host, port: 0 }),
      { code: "E_ARGUMENT", message: /^host: expected .* no keys/ },
      host,
    );
    t.is((await recommender.recommend(person)).notRefined, "off");
  }
  const recommender = await Recommender.open(folder);
  await using server = await serveRecommender({ recommender, host: "0.0.0.0", port: 0, keys, drainMs: 0 });
  t.is((await fetch(`${server.url}/live`)).status, 200);
});

test("a port that is taken is told, and the recommender goes on", async (t) => {
  const { server, folder } = await served(t);
  await using recommender = await Recommender.open(folder);
  const port = Number(new URL(server.url).port);
  await t.throwsAsync(serveRecommender({ recommender, port }), { code: "E_ARGUMENT", message: /^port: / });
  t.is((await recommender.recommend(person)).ids.length, 10);
});

test("above the limit: 429, until the minute is over; each key has its own", async (t) => {
  const { post, get } = await served(t, { keys, rateLimit: 3 });
  const ask = (key: string) => post("/recommend", person, { "x-api-key": key });
  for (let time = 0; time < 3; time++) t.is((await ask(keys[0])).status, 200);
  const { status, body, headers } = await ask(keys[0]);
  t.is(status, 429);
  t.like(body.error, { code: "E_RATE_LIMIT", field: null });
  t.true(Number(headers.get("retry-after")) > 0);
  t.is((await ask(keys[1])).status, 200);
  t.is((await get("/live")).status, 200);
});

test("without keys the limit is of the address, whatever a client calls its key", async (t) => {
  const { post } = await served(t, { rateLimit: 2 });
  const ask = (n: number) => post("/recommend", person, { "x-api-key": `made-up-key-number-${n}` });
  t.deepEqual([(await ask(1)).status, (await ask(2)).status, (await ask(3)).status], [200, 200, 429]);
});

test("without keys a page from elsewhere is refused, also under a name that leads here", async (t) => {
  const { server } = await served(t);
  const { port } = new URL(server.url);
  const status = (headers: Record<string, string>): Promise<number> =>
    new Promise((resolve, reject) => {
      const sent = request({ port, host: "127.0.0.1", path: "/live", headers, agent: false }, (response) => {
        response.resume();
        resolve(response.statusCode ?? 0);
      });
      sent.on("error", reject);
      sent.end();
    });
  t.is(await status({ host: "evil.example" }), 403);
  t.is(await status({ host: `127.0.0.1:${port}`, origin: "http://evil.example" }), 403);
  t.is(await status({ host: `127.0.0.1:${port}`, origin: `http://127.0.0.1:${port}` }), 200);
  t.is(await status({ host: `localhost:${port}` }), 200);
});
