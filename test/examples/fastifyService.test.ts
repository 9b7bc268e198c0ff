/** A service of one's own: the program as its user runs it. */
import { once } from "node:events";
import { Agent, type IncomingMessage, request } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import test from "ava";
import { Recommender } from "llama4rec";
import { embeddedModel } from "../../lib/llm/embedded.js";
import { posted } from "../http/served.js";
import { run, shop, shopFolder } from "./parts.js";

test("the service's own routes and the recommender's answer side by side, and it ends well", async (t) => {
  const folder = await shopFolder(t, { languageModel: embeddedModel()?.modelPath });
  const { child, output, ended } = run(t, "fastifyService", folder, "0");
  while (!/listening on \S+/.test(output())) await sleep(10);
  const url = /listening on (\S+)/.exec(output())?.[1];
  const items = [3, 40, 7].map((item) => shop.items.idAt(item));

  await using same = await Recommender.open(folder, { languageModel: false });
  const user = shop.users.idAt(5);
  const list = await posted(`${url}/recommender/recommend`, { user, k: 6 });
  t.deepEqual(((await list.json()) as { ids: unknown }).ids, same.recommendSync({ user, k: 6 }).ids);
  t.is((await posted(`${url}/recommender/update`, {})).status, 404, "not for anybody outside");
  t.is((await fetch(`${url}/recommender/ready`)).status, 200);

  const own = await posted(`${url}/basket/suggestions`, { items });
  const suggested = (await own.json()) as { items: readonly number[]; refined: boolean };
  t.is(own.status, 200);
  t.is(suggested.items.length, 4);
  t.false(suggested.items.some((item) => items.includes(item)));
  t.is((await posted(`${url}/basket/suggestions`, { items: 7 })).status, 400);

  const clients = items.map((item) => {
    const headers = { "content-type": "application/json" };
    const client = request(`${url}/basket/suggestions`, { method: "POST", headers, agent: false });
    client.on("error", () => {}); // it is we who end it
    client.end(JSON.stringify({ items: [item] }));
    return client;
  });
  await sleep(5);
  for (const client of clients) client.destroy();
  const about = async () => (await (await fetch(`${url}/about`)).json()) as { shop: string; running: number };
  while ((await about()).running > 0) await sleep(5);
  t.is((await about()).shop, "Two Moons Books");

  const agent = new Agent({ keepAlive: true });
  const headers = { "content-type": "application/json", expect: "100-continue" };
  const late = request(`${url}/basket/suggestions`, { method: "POST", headers, agent });
  late.flushHeaders();
  await once(late, "continue"); // it has arrived
  child.kill("SIGTERM");
  while (await reachable(`${url}/about`)) await sleep(5);
  late.end(JSON.stringify({ items }));
  const [response]: IncomingMessage[] = await once(late, "response");
  response.resume();
  t.is(response.statusCode, 200, "what it has begun it ends");
  t.is(response.headers.connection, "close");
  t.is(await ended, 0, output());
  agent.destroy();
  t.regex(output(), /^listening on \S+\n$/, "nobody has heard of an error");
});

const reachable = (url: string): Promise<boolean> =>
  fetch(url).then(
    ({ ok }) => ok,
    () => false,
  );
