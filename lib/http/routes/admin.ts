import type { FastifyInstance } from "fastify";
import type { RecommenderUpdate } from "../../serving/types.js";
import type { Context } from "../context.js";
import { answers, reloadAnswer, updateAnswer, updateRequest } from "../schemas.js";

/** Routes that change what is answered. */
export function adminRoutes(app: FastifyInstance, { recommender }: Context): void {
  app.post<{ Body: RecommenderUpdate }>(
    "/update",
    {
      schema: {
        summary: "New interactions and items, all or none",
        body: updateRequest,
        response: answers(updateAnswer),
      },
    },
    async ({ body }) => {
      recommender.update(body);
      return { interactions: body.interactions?.length ?? 0, items: body.items?.length ?? 0 };
    },
  );
  app.post(
    "/reload",
    { schema: { summary: "Opens what the folder holds now", response: answers(reloadAnswer) } },
    async () => ({ reloaded: await recommender.reload(), snapshot: recommender.snapshot }),
  );
}
