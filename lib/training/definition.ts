import { createRequire } from "node:module";
import { isAbsolute, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { BackboneDefinition, RankingDefinition, RatingDefinition, Task } from "../models/backbone.js";
import { findBackbone, isRegistered, listBackbones } from "../models/registry.js";
import { argumentError, describe, Llama4RecError } from "../native/errors.js";
import { unknownName } from "../native/nearest.js";
import type { CommonTrainOptions } from "./options.js";

/** How any thread finds a definition for itself. Plain data. */
export type SentSource =
  | { readonly kind: "registered"; readonly name: string; readonly task: Task }
  | { readonly kind: "module"; readonly specifier: string; readonly name: string };

/** Where a definition is to be found; `here`: only this thread has it. */
export type DefinitionSource =
  | SentSource
  | { readonly kind: "here"; readonly definition: BackboneDefinition };

/**
 * Where a backbone is to be found.
 * @throws Llama4RecError `E_BACKBONE` when no registered backbone has that name; `E_ARGUMENT` when it is no definition,
 *   name or module.
 */
export function sourceOf(backbone: CommonTrainOptions["backbone"]): DefinitionSource {
  if (typeof backbone === "string") {
    const named = listBackbones().find(({ name }) => name.toLowerCase() === backbone.toLowerCase());
    if (named === undefined)
      throw unknownName(
        "E_BACKBONE",
        "backbone",
        listBackbones().map(({ name }) => name),
        backbone,
      );
    return { kind: "registered", name: named.name, task: named.task };
  }
  if (typeof backbone === "object" && backbone !== null && "module" in backbone) {
    const { module, export: name = "default" } = backbone;
    if (!(module instanceof URL) && (typeof module !== "string" || module === ""))
      throw argumentError("backbone.module", "a path, URL or package", module);
    if (typeof name !== "string") throw argumentError("backbone.export", "the name of an export", name);
    return { kind: "module", specifier: specifierOf(module), name };
  }
  if (!isDefinition(backbone))
    throw argumentError("backbone", "a name, a definition or { module, export }", backbone);
  if (!isRegistered(backbone)) return { kind: "here", definition: backbone };
  return { kind: "registered", name: backbone.name, task: backbone.task };
}

/** What `import()` takes: paths become URLs, and packages too where the current folder knows them. */
function specifierOf(module: string | URL): string {
  if (module instanceof URL) return module.href;
  if (/^\.{1,2}([/\\]|$)/.test(module) || isAbsolute(module)) return pathToFileURL(resolve(module)).href;
  if (URL.canParse(module)) return module;
  try {
    const found = createRequire(join(process.cwd(), "here")).resolve(module);
    return isAbsolute(found) ? pathToFileURL(found).href : found;
  } catch {
    return module; // a package for `import` alone, or none: import() finds it, or says what is wrong
  }
}

/** What a training is for: models that rank, or one that rates. */
export type Purpose = "ranking" | "rating";

interface DefinitionFor {
  readonly ranking: RankingDefinition;
  readonly rating: RatingDefinition;
}

/**
 * Checks that a backbone, as far as it is known, is trained by the function that was called.
 * @throws Llama4RecError `E_ARGUMENT` that names the function for it.
 */
export function checkPurpose<P extends Purpose>(
  found: BackboneDefinition,
  purpose: P,
): asserts found is DefinitionFor[P];
export function checkPurpose(found: DefinitionSource, purpose: Purpose): void;
export function checkPurpose(found: BackboneDefinition | DefinitionSource, purpose: Purpose): void {
  if ("kind" in found && found.kind === "module") return; // once it is loaded
  const { name, task } = "kind" in found && found.kind === "here" ? found.definition : found;
  if ((task === "rating") === (purpose === "rating")) return;
  const [wanted, other] =
    purpose === "rating" ? ["a rating backbone", "train"] : ["one that ranks", "trainRating"];
  throw argumentError("backbone", `${wanted}; ${other} is for this one`, `${name} (${task})`);
}

/** Where a definition comes from, as text; the same on any thread. */
export const moduleText = (source: DefinitionSource): string =>
  source.kind === "module" ? `${source.specifier} (${source.name})` : "none";

/**
 * Loads a definition.
 * @throws Llama4RecError `E_BACKBONE` when the module cannot be loaded or its export is no definition.
 */
export async function loadDefinition(source: DefinitionSource): Promise<BackboneDefinition> {
  if (source.kind === "here") return source.definition;
  if (source.kind === "registered") return findBackbone(source.name, source.task);
  const { specifier, name } = source;
  let exported: Readonly<Record<string, unknown>>;
  try {
    exported = await import(specifier);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : describe(cause);
    throw new Llama4RecError("E_BACKBONE", `backbone module ${specifier}: cannot be loaded: ${why}`, {
      cause,
    });
  }
  if (!Object.hasOwn(exported, name))
    throw new Llama4RecError(
      "E_BACKBONE",
      `backbone module ${specifier}: expected an export ${describe(name)}, got ${Object.keys(exported).join(", ")}`,
    );
  const definition = exported[name];
  if (!isDefinition(definition))
    throw new Llama4RecError(
      "E_BACKBONE",
      `backbone module ${specifier}: expected export ${describe(name)} to be a backbone definition ` +
        `(name, task, source, hyperparameters, create), got ${describe(definition)}`,
    );
  return definition;
}

function isDefinition(value: unknown): value is BackboneDefinition {
  if (typeof value !== "object" || value === null) return false;
  const { name, task, hyperparameters, create } = value as Partial<Record<keyof BackboneDefinition, unknown>>;
  return (
    typeof name === "string" &&
    (task === "direct" || task === "sequential" || task === "rating") &&
    typeof hyperparameters === "object" &&
    hyperparameters !== null &&
    typeof create === "function"
  );
}
