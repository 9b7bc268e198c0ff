/**
 * A recommender in a Fastify service of one's own: its routes are under /recommender, beside those of the service, one of which
 * asks it directly. The service closes it when it is closed itself.
 */
import fastify, { type FastifyReply } from "fastify";
import { type ExternalId, Recommender } from "llama4rec";
import { recommenderPlugin } from "llama4rec/http";

const [folder = "recommender", port = "3000"] = process.argv.slice(2);
const recommender = await Recommender.open(folder);
// Nothing is converted: the item 7 is another one than the item "7".
const app = fastify({ ajv: { customOptions: { coerceTypes: false, allowUnionTypes: true } } });
let closing = false;

app.addHook("preClose", async () => {
  closing = true;
});
// Else a client that keeps its connection would keep the service.
app.addHook("onSend", async (_, reply) => {
  if (closing) void reply.header("connection", "close");
});
app.addHook("onClose", () => recommender.close()); // once all requests have their answers

await app.register(recommenderPlugin, {
  prefix: "/recommender",
  recommender,
  admin: false, // /update and /reload are for nobody outside
  ready: () => !closing,
});

/** What else somebody may like who has this in the basket. */
app.post<{ Body: { readonly items: readonly ExternalId[] } }>(
  "/basket/suggestions",
  { schema: { body: basketSchema() } },
  async ({ body }, reply) => {
    const signal = departure(reply);
    try {
      const list = await recommender.recommend({
        history: body.items,
        k: 4,
        mode: "inline",
        deadlineMs: 40, // then the conventional list is the answer
        signal,
      });
      return { items: list.ids, refined: list.notRefined === null };
    } catch (error) {
      if (!signal.aborted) throw error;
      return reply.hijack(); // nobody is there to be answered
    }
  },
);

app.get("/about", async () => ({ shop: "Two Moons Books", ...recommender.stats() }));

for (const signal of ["SIGTERM", "SIGINT"]) process.once(signal, () => void app.close());
console.log(`listening on ${await app.listen({ port: Number(port), host: "127.0.0.1" })}`);

/** Aborts when the client goes away before it has its answer. */
function departure({ raw }: FastifyReply): AbortSignal {
  const abort = new AbortController();
  raw.once("close", () => {
    if (!raw.writableFinished) abort.abort();
  });
  return abort.signal;
}

function basketSchema(): object {
  const items = { type: "array", maxItems: 100, items: { type: ["number", "string"] } };
  return { type: "object", required: ["items"], additionalProperties: false, properties: { items } };
}
