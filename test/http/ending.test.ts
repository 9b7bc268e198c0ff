/** Clients that go away, and a server that does. */
import { request } from "node:http";
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import test from "ava";
import { posted, served } from "./served.js";

const patient = { mode: "inline", deadlineMs: 60_000 };

test("a client that goes away ends its request", async (t) => {
  const { url, recommender } = await served(t);
  const requests = Array.from({ length: 300 }, (_, n) => ({
    history: [1000 + (n % 60), 1000 + ((n * 7 + 1) % 60), 1000 + ((n * 11 + 2) % 60)],
    ...patient,
  }));
  const client = request(`${url}/recommend/many`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    agent: false,
  });
  client.on("error", () => {}); // it is we who end it
  client.end(JSON.stringify({ requests }));
  while (recommender.stats().running === 0) await sleep(1);
  client.destroy();
  while (recommender.stats().running > 0) await sleep(1);
  const { done, notDone } = recommender.stats().scheduler;
  t.true(notDone.aborted > 0, JSON.stringify(notDone));
  t.true(done < requests.length);
});

test("drained under load: whoever asks while it is ready has an answer", async (t) => {
  const { url, server, recommender } = await served(t, { drainMs: 2000 });
  const statuses = new Map<number, number>();
  let told = 0;
  /** Asks again and again, until an answer says that the connection ends: then a balancer would go elsewhere. */
  const client = async (n: number): Promise<void> => {
    for (let turn = 0; ; turn++) {
      const mode = n === 0 ? patient : {};
      const response = await posted(`${url}/recommend`, { user: `user-00${(n + turn) % 10}`, ...mode });
      await response.arrayBuffer();
      statuses.set(response.status, (statuses.get(response.status) ?? 0) + 1);
      if (response.headers.get("connection") === "close") {
        told++;
        return;
      }
    }
  };
  const clients = Array.from({ length: 8 }, (_, n) => client(n));
  while ((statuses.get(200) ?? 0) < 5 * clients.length) await sleep(5);
  const closed = server.close();
  const ready = await fetch(`${url}/ready`);
  t.is(ready.status, 503);
  t.false(((await ready.json()) as { ready: boolean }).ready);
  t.is((await fetch(`${url}/live`)).status, 200);
  await Promise.all(clients);
  await closed;
  await server.closed;
  t.deepEqual([...statuses.keys()], [200]);
  t.is(told, clients.length);
  await t.throwsAsync(fetch(`${url}/live`));
  await t.throwsAsync(recommender.recommend({ user: "user-001" }), { code: "E_DISPOSED" });
});

test("a request that runs when it is told to end has its answer first", async (t) => {
  const { url, server, recommender } = await served(t);
  const running = posted(`${url}/recommend/many`, {
    requests: Array.from({ length: 30 }, (_, n) => ({
      user: `user-0${String(n).padStart(2, "0")}`,
      ...patient,
    })),
  });
  while (recommender.stats().running === 0) await sleep(1);
  const closed = server.close();
  const response = await running;
  t.is(response.status, 200);
  const { recommendations } = (await response.json()) as { recommendations: { notRefined: unknown }[] };
  t.true(recommendations.every(({ notRefined }) => notRefined === null));
  await closed;
});

test("connections that only stay open do not keep it", async (t) => {
  const { url, server } = await served(t);
  await (await posted(`${url}/recommend`, { user: "user-001" })).json(); // its connection is kept
  const begin = performance.now();
  await server.close();
  t.true(performance.now() - begin < 5000);
});

test("connections that never send a whole request do not keep a closed server", async (t) => {
  const { server } = await served(t);
  const { port } = new URL(server.url);
  const halves = [
    "",
    "POST /recommend HTTP/1.1\r\nhost: loc",
    "POST /recommend HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9\r\n\r\n{",
  ];
  const sockets = halves.map((text) => {
    const socket = connect(Number(port), "127.0.0.1", () => socket.write(text));
    socket.on("error", () => {});
    return socket;
  });
  await sleep(50);
  const begin = performance.now();
  await server.close();
  t.true(performance.now() - begin < 30_000);
  for (const socket of sockets) socket.destroy();
});
