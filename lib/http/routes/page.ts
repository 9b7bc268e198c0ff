import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import type { FastifyInstance } from "fastify";
import type { Context } from "../context.js";
import { answers, foundItems, foundUsers, searchQuery } from "../schemas.js";

/** Where the page's files are: as they were written, beside the sources. */
const folder = new URL("../../../../lib/http/page/", import.meta.url);

/** The page's files by their paths. */
const files: Readonly<Record<string, readonly [name: string, type: string]>> = {
  "/": ["page.html", "text/html; charset=utf-8"],
  "/page/page.css": ["page.css", "text/css; charset=utf-8"],
  "/page/page.js": ["page.js", "text/javascript; charset=utf-8"],
  "/page/choice.js": ["choice.js", "text/javascript; charset=utf-8"],
  "/page/lists.js": ["lists.js", "text/javascript; charset=utf-8"],
  "/page/latency.js": ["latency.js", "text/javascript; charset=utf-8"],
};

/** Nothing from elsewhere, nothing inline, in no frame. */
const headers = {
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cache-control": "no-cache",
};

/** The page itself; what it asks for goes by the other routes. */
export async function pageRoutes(app: FastifyInstance): Promise<void> {
  for (const [path, [name, type]] of Object.entries(files)) {
    const content = await readFile(fileURLToPath(new URL(name, folder)));
    app.get(path, { schema: { hide: true } }, async (_, reply) => {
      void reply.headers(headers).type(type);
      return content;
    });
  }
}

interface Search {
  readonly q: string;
  readonly limit: number;
}

/** What the page looks users and items up with. */
export function searchRoutes(app: FastifyInstance, { recommender }: Context): void {
  app.get<{ Querystring: Search }>(
    "/ui/items",
    {
      schema: {
        summary: "Items by words of their titles",
        querystring: searchQuery,
        response: answers(foundItems),
      },
    },
    async ({ query: { q, limit } }) => ({ items: recommender.findItems(q, { limit }) }),
  );
  app.get<{ Querystring: Search }>(
    "/ui/users",
    {
      schema: {
        summary: "Users by the beginning of their ids",
        querystring: searchQuery,
        response: answers(foundUsers),
      },
    },
    async ({ query: { q, limit } }) => ({ users: recommender.findUsers(q, { limit }) }),
  );
}
