import { createHash, timingSafeEqual } from "node:crypto";
import { isIPv4 } from "node:net";
import type { FastifyReply, FastifyRequest, onRequestHookHandler } from "fastify";
import { argumentError } from "../native/errors.js";
import { RequestError } from "./errors.js";

/** Letters that a key has at least. */
const shortest = 16;

/**
 * @throws Llama4RecError `E_ARGUMENT` for a key that is too short or cannot stand in a header.
 */
export function checkedKeys(keys: readonly string[]): readonly string[] {
  for (const [at, key] of keys.entries())
    if (typeof key !== "string" || !/^[\x21-\x7e]+$/.test(key) || key.length < shortest)
      throw argumentError(
        `keys[${at}]`,
        `at least ${shortest} letters and digits without a blank`,
        "another text",
      );
  return keys;
}

/** The key that a request brings, as `Authorization: Bearer` or `x-api-key`. */
export function keyOf({ headers }: FastifyRequest): string | null {
  const { authorization, "x-api-key": key } = headers;
  if (typeof key === "string") return key;
  return /^Bearer +(\S+)$/i.exec(authorization ?? "")?.[1] ?? null;
}

/** Lets only requests pass that bring one of the keys; how long it takes tells nothing about them. */
export function keyCheck(keys: readonly string[]): onRequestHookHandler {
  const digests = keys.map(digestOf);
  return (request: FastifyRequest, reply: FastifyReply, done): void => {
    const given = digestOf(keyOf(request) ?? "");
    let matches = 0;
    for (const digest of digests) matches += Number(timingSafeEqual(digest, given));
    if (matches > 0) done();
    else {
      void reply.header("www-authenticate", "Bearer");
      done(new RequestError(401, "E_KEY", "expected an API key, as Authorization: Bearer or x-api-key"));
    }
  };
}

const digestOf = (key: string): Buffer => createHash("sha256").update(key).digest();

/** Whether only this machine reaches an address. */
export const isLoopback = (host: string): boolean =>
  host === "localhost" || host === "::1" || (isIPv4(host) && host.startsWith("127."));
