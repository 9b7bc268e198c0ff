/** The inside of the served process: opens the folder, listens on loopback and tells how late its event loop is. */

import { monitorEventLoopDelay } from "node:perf_hooks";
import { fastify } from "fastify";
import { recommenderPlugin } from "../../lib/http/index.js";
import { Recommender } from "../../lib/serving/recommender.js";

/** What the other process asks for. */
export type Ask = "delay" | "close";

const [folder] = process.argv.slice(2);
const recommender = await Recommender.open(folder);
const app = fastify();
await app.register(recommenderPlugin, { recommender });
app.get("/constant", () => ({ ids: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10] }));
await app.listen({ host: "127.0.0.1", port: 0 });
const address = app.server.address();
if (address === null || typeof address === "string") throw new Error("expected a port");

/** Milliseconds between two looks at the event loop: the monitor counts them as delay (an idle loop has 1.1 of it). */
const resolution = 1;
const delay = monitorEventLoopDelay({ resolution });
delay.enable();
process.on("message", async (ask: Ask) => {
  if (ask === "delay") {
    process.send?.(delay.percentile(99) / 1e6 - resolution);
    delay.reset();
  } else {
    await app.close();
    await recommender.close();
    process.disconnect();
  }
});
process.send?.(address.port);
