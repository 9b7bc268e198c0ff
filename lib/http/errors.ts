import type { FastifyReply, FastifyRequest } from "fastify";
import { type ErrorCode, Llama4RecError } from "../native/errors.js";

/** A request that cannot be answered, with its HTTP status and a stable code. */
export class RequestError extends Error {
  constructor(
    readonly statusCode: number,
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

/** Body of every answer that is none. */
export interface FailureBody {
  readonly error: {
    /** Stable: programs match on it. */
    readonly code: string;
    readonly message: string;
    /** The part of the request that is wrong. */
    readonly field: string | null;
  };
}

/** Codes of what Fastify itself refuses. */
const requestCodes: Readonly<Record<number, string>> = {
  400: "E_JSON",
  404: "E_ROUTE",
  413: "E_TOO_LARGE",
  415: "E_MEDIA_TYPE",
  429: "E_RATE_LIMIT",
};

/** Status of the errors that tell a client something. */
const statuses: Readonly<Partial<Record<ErrorCode, number>>> = {
  E_ARGUMENT: 400,
  E_TASK: 404,
  E_DISPOSED: 503,
};

/** Status and body for anything that a request ended with. What a client cannot have caused tells it nothing. */
export function failureOf(error: unknown): { readonly status: number; readonly body: FailureBody } {
  if (error instanceof Llama4RecError) {
    const { code, message } = error;
    const status = statuses[code] ?? 500;
    // What went wrong inside may name files: that is for the log.
    if (status === 500) return { status, body: failure(code, "a fault inside the server") };
    return { status, body: failure(code, message, status === 400 ? fieldOf(message) : null) };
  }
  if (error instanceof RequestError)
    return { status: error.statusCode, body: failure(error.code, error.message) };
  if (isAbort(error)) return { status: 499, body: failure("E_ABORTED", "the client went away") };
  const status = statusOf(error);
  if (status >= 400 && status < 500 && error instanceof Error)
    return { status, body: failure(requestCodes[status] ?? "E_REQUEST", error.message) };
  return { status: 500, body: failure("E_INTERNAL", "a fault inside the server") };
}

/** Answers a request for a route that there is not. */
export function replyNotFound(request: FastifyRequest, reply: FastifyReply): string {
  const [path] = request.url.split("?", 1);
  return replyWith(reply, 404, failure("E_ROUTE", `no route ${request.method} ${path}`));
}

/** Answers with a failure. */
export function replyWith(reply: FastifyReply, status: number, body: FailureBody): string {
  void reply.code(status).type("application/json; charset=utf-8");
  void reply.serializer((text: string) => text);
  return JSON.stringify(body);
}

const failure = (code: string, message: string, field: string | null = null): FailureBody => ({
  error: { code, message, field },
});

/** The field that a message of `argumentError` begins with. */
const fieldOf = (message: string): string | null => /^([\w.[\]-]+): expected/.exec(message)?.[1] ?? null;

const isAbort = (error: unknown): boolean => error instanceof Error && error.name === "AbortError";

const statusOf = (error: unknown): number =>
  typeof error === "object" && error !== null && "statusCode" in error && typeof error.statusCode === "number"
    ? error.statusCode
    : 500;
