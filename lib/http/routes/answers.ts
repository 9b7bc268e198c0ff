import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { ExternalId } from "../../data/idMap.js";
import { argumentError } from "../../native/errors.js";
import type { ExplainRequest } from "../../serving/explain.js";
import type { RatingRequest, RecommendRequest, Whom } from "../../serving/types.js";
import type { Context } from "../context.js";
import {
  answers,
  explainRequest,
  explanation,
  itemPath,
  manyAnswer,
  manyRequest,
  rateAnswer,
  rateRequest,
  recommendation,
  recommendRequest,
  scoreAnswer,
  scoreRequest,
  similarAnswer,
  similarQuery,
} from "../schemas.js";
import { describeAnswer, failSpan, startSpan } from "../spans.js";

/** Routes that answer from the recommender and change nothing. */
export function answerRoutes(app: FastifyInstance, { recommender, meters }: Context): void {
  app.post<{ Body: RecommendRequest }>(
    "/recommend",
    {
      schema: {
        summary: "A list of recommendations",
        body: recommendRequest,
        response: answers(recommendation),
      },
    },
    async ({ body, headers }, reply) => {
      const span = startSpan("recommend", headers);
      try {
        const mode = body.mode ?? recommender.mode;
        // A conventional answer is there before a client could be seen to leave.
        const request = mode === "conventional" ? body : { ...body, signal: departure(reply) };
        const answer = await recommender.recommend(request);
        meters.answered(answer, mode);
        describeAnswer(span, answer);
        return answer;
      } catch (error) {
        failSpan(span, error);
        throw error;
      } finally {
        span.end();
      }
    },
  );

  app.post<{ Body: { readonly requests: readonly RecommendRequest[] } }>(
    "/recommend/many",
    { schema: { summary: "Lists of many requests", body: manyRequest, response: answers(manyAnswer) } },
    (request, reply) =>
      traced("recommend many", request, async () => {
        const signal = departure(reply);
        const { requests } = request.body;
        const recommendations = await recommender.recommendMany(
          requests.map((each) => ({ ...each, signal })),
        );
        for (const [at, each] of recommendations.entries())
          meters.answered(each, requests[at].mode ?? recommender.mode);
        return { recommendations };
      }),
  );

  app.post<{ Body: Whom & { readonly items: readonly ExternalId[] } }>(
    "/score",
    {
      schema: {
        summary: "The conventional model's scores of items",
        body: scoreRequest,
        response: answers(scoreAnswer),
      },
    },
    (request) =>
      traced("score", request, async () => {
        const { items, ...whom } = request.body;
        const scores = recommender.score(whom, items);
        return { scores: Array.from(scores, (score) => (Number.isNaN(score) ? null : score)) };
      }),
  );

  app.post<{ Body: RatingRequest }>(
    "/rate",
    {
      schema: {
        summary: "The ratings that somebody would give",
        body: rateRequest,
        response: answers(rateAnswer),
      },
    },
    (request) =>
      traced("rate", request, async () => {
        const ratings = recommender.rate(request.body);
        return { ratings: Array.from(ratings, (rating) => (Number.isNaN(rating) ? null : rating)) };
      }),
  );

  app.get<{
    Params: { readonly id: string };
    Querystring: { readonly k: number; readonly type: "string" | "number" };
  }>(
    "/items/:id/similar",
    {
      schema: {
        summary: "Items whose vectors point most nearly where this one's does",
        params: itemPath,
        querystring: similarQuery,
        response: answers(similarAnswer),
      },
    },
    (request) =>
      traced("similar items", request, async () => {
        const { k, type } = request.query;
        return recommender.similarItems(type === "number" ? numberOf(request.params.id) : request.params.id, {
          k,
        });
      }),
  );

  app.post<{ Body: ExplainRequest }>(
    "/explain",
    {
      schema: {
        summary: "What both sides make of a list, and why",
        body: explainRequest,
        response: answers(explanation),
      },
    },
    (request, reply) =>
      traced("explain", request, () => recommender.explain({ ...request.body, signal: departure(reply) })),
  );
}

/** Aborts when the client goes away before it has its answer. */
function departure({ raw }: FastifyReply): AbortSignal {
  const abort = new AbortController();
  raw.once("close", () => {
    if (!raw.writableFinished) abort.abort();
  });
  return abort.signal;
}

async function traced<T>(name: string, { headers }: FastifyRequest, work: () => Promise<T>): Promise<T> {
  const span = startSpan(name, headers);
  try {
    return await work();
  } catch (error) {
    failSpan(span, error);
    throw error;
  } finally {
    span.end();
  }
}

function numberOf(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !Number.isFinite(value))
    throw argumentError("id", "a number, as type says", text);
  return value;
}
