import { Ajv, type ErrorObject } from "ajv";
import type { FastifySchema, FastifySchemaCompiler } from "fastify";
import { argumentError, type Llama4RecError } from "../native/errors.js";

/**
 * Compiles the schemas of requests. Unlike Fastify's own compiler it turns nothing in a body into what it is not: the string
 * "7" stays another id than the number 7, and a property that there is not is refused, whatever the instance around it does.
 * Queries are all text, so there numbers are read.
 */
export function validatorCompiler(): FastifySchemaCompiler<FastifySchema> {
  const options = { verbose: true, useDefaults: false, allowUnionTypes: true };
  const bodies = new Ajv(options);
  const queries = new Ajv({ ...options, coerceTypes: true, useDefaults: true });
  return ({ schema, httpPart }) => {
    const validate = (httpPart === "body" ? bodies : queries).compile(schema);
    return (data: unknown) => {
      if (validate(data)) return { value: data };
      const [first] = validate.errors ?? [];
      return {
        error: first === undefined ? argumentError("body", "what the schema says", data) : errorOf(first),
      };
    };
  };
}

/** The first thing wrong with a request, in the words of the package. */
function errorOf({ keyword, instancePath, params, message = "", data }: ErrorObject): Llama4RecError {
  const path = instancePath
    .split("/")
    .slice(1)
    .map((part) => (/^\d+$/.test(part) ? `[${part}]` : `.${part}`))
    .join("")
    .replace(/^\./, "");
  const inside = (name: unknown): string => `${path === "" ? "" : `${path}.`}${String(name)}`;
  if (keyword === "required") return argumentError(inside(params.missingProperty), "a value", undefined);
  if (keyword === "additionalProperties")
    return argumentError(inside(params.additionalProperty), "no such property", propertyOf(data, params));
  return argumentError(path || "body", expectation(keyword, params, message), data);
}

function expectation(keyword: string, params: Readonly<Record<string, unknown>>, message: string): string {
  if (keyword === "type") return [params.type].flat().join(" or ");
  if (keyword === "enum" && Array.isArray(params.allowedValues)) return params.allowedValues.join(", ");
  return message.replace(/^must (be |NOT have )?/, (words) => (words.includes("NOT") ? "not " : ""));
}

const propertyOf = (
  data: unknown,
  { additionalProperty: name }: Readonly<Record<string, unknown>>,
): unknown =>
  typeof data === "object" && data !== null && typeof name === "string" ? Reflect.get(data, name) : undefined;
