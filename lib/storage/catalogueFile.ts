import {
  call,
  type NativeCatalogueLayout,
  type NativeCatalogueSizes,
  native,
  translated,
} from "../native/addon.js";
import { Catalogue } from "../native/catalogue.js";
import { argumentError, Llama4RecError } from "../native/errors.js";
import { blockSize } from "./blocks.js";
import { corrupt, dataLengthOf, type Header, type TensorEntry } from "./header.js";
import { checkKind, verifyTensorFile, withHeader, writeBlocks } from "./safetensors.js";

const kind = "catalogue";

/**
 * Writes a catalogue, with all that was computed when it was built, as one safetensors file that opens at once. Atomic
 * and crash-safe: a reader sees the old file or the new one, whole, and a catalogue that was opened from the old one goes
 * on with that. The file is the same at every instruction-set level.
 * @param catalogue Held until the promise settles; its owner may dispose of it meanwhile.
 * @throws Llama4RecError `E_FILE` when it cannot be written: nothing is left behind. `E_DISPOSED`.
 * @example
 * ```ts
 * using built = new Catalogue(items, { dimension: 64 });
 * await saveCatalogue("items.safetensors", built);
 * using catalogue = await openCatalogue("items.safetensors");
 * ```
 */
export async function saveCatalogue(path: string, catalogue: Catalogue): Promise<void> {
  using held = new Catalogue(null, { shared: catalogue.id });
  const sizes = call((addon) => addon.catalogueSizes(held.id));
  const layout = layoutOf(sizes);
  const header = { kind, alignment: 64, metadata: textsOf(sizes, layout), entries: layout.sections } as const;
  const length = dataLengthOf(header.entries);
  const buffer = new Uint8Array(Math.min(blockSize, length));
  await writeBlocks(path, header, function* () {
    for (let begin = 0; begin < length; begin += blockSize) {
      const block = buffer.subarray(0, length - begin);
      call((addon) => addon.catalogueRead(held.id, begin, block));
      yield [block];
    }
  });
}

/**
 * Opens a file of {@link saveCatalogue}. Nothing in it is trusted: whatever its bytes are, they cannot make a search read
 * out of bounds. That its vectors and codes are those written is checked by {@link verifyCatalogue} alone.
 * @param options `map` (default: true) maps the file read-only instead of reading it: it opens in milliseconds, and
 *   processes of one machine that opened it share its memory. Such a file may be replaced or removed, but must not be
 *   written to in place or cut short, which would end the process; without `map`, and where the system cannot map it,
 *   the file is read as a whole and of no more use.
 * @throws Llama4RecError `E_FILE` when it cannot be read, `E_CORRUPT` when it is not what was written, `E_VERSION` when its
 *   layout is another, `E_MISMATCH` for a file of another kind or program, `E_NO_MEMORY`.
 */
export async function openCatalogue(path: string, options: { map?: boolean } = {}): Promise<Catalogue> {
  const { map = true } = options;
  if (typeof map !== "boolean") throw argumentError("map", "a boolean", map);
  return withHeader(path, async (file, header, dataStart) => {
    checkKind(path, header, kind);
    try {
      const { items, dimension, biased, coarse } = sizesOf(path, header);
      const id = await native().catalogueOpen(file.fd, dataStart, items, dimension, biased, coarse, map);
      try {
        return new Catalogue(null, { shared: id });
      } finally {
        native().catalogueRelease(id);
      }
    } catch (cause) {
      throw named(path, translated(cause));
    }
  });
}

/** An error of the engine about a file. */
function named(path: string, cause: unknown): unknown {
  if (!(cause instanceof Llama4RecError)) return cause;
  if (cause.code === "E_ARGUMENT") return corrupt(path, cause.message);
  if (cause.code !== "E_FILE" && cause.code !== "E_NO_MEMORY") return cause;
  return new Llama4RecError(cause.code, `cannot read ${path}: ${cause.message}`, { cause });
}

/**
 * Checks every byte of a catalogue's file and all that {@link openCatalogue} checks.
 * @throws Llama4RecError As {@link openCatalogue}; `E_CORRUPT` names what is wrong.
 */
export async function verifyCatalogue(path: string): Promise<void> {
  await verifyTensorFile(path);
  using _opened = await openCatalogue(path, { map: false });
}

const layoutOf = ({ items, dimension, biased, coarse }: NativeCatalogueSizes): NativeCatalogueLayout =>
  call((addon) => addon.catalogueLayout(items, dimension, biased, coarse));

/** Metadata of a file; those of the layout are compared when it is opened. */
function textsOf(sizes: NativeCatalogueSizes, layout: NativeCatalogueLayout): Record<string, string> {
  return {
    layout: layoutText(layout),
    items: String(sizes.items),
    dimension: String(sizes.dimension),
    biased: String(sizes.biased),
    coarse: String(sizes.coarse),
  };
}

/** Version and the sizes that the scan is made for, in words. */
const layoutText = ({ version, panelItems, codeBlock }: NativeCatalogueLayout): string =>
  `${version}: panels of ${panelItems} items, codes in blocks of ${codeBlock}`;

/** Sizes that a header promises, checked against all the rest of it. */
function sizesOf(path: string, { alignment, metadata, entries }: Header): NativeCatalogueSizes {
  const own = layoutText(layoutOf({ items: 0, dimension: 1, biased: false, coarse: false }));
  if (metadata.layout !== own)
    throw new Llama4RecError(
      "E_VERSION",
      `${path}: expected layout ${own}, got ${metadata.layout}; build the catalogue and save it again`,
    );
  const sizes = {
    items: Number(metadata.items),
    dimension: Number(metadata.dimension),
    biased: metadata.biased === "true",
    coarse: metadata.coarse === "true",
  };
  const layout = layoutOf(sizes);
  if (texts(metadata) !== texts(textsOf(sizes, layout)))
    throw corrupt(path, "its metadata are not in their one form");
  if (alignment !== 64 || shapes(entries) !== shapes(layout.sections))
    throw corrupt(path, "its tensors are not those of a catalogue of its sizes");
  return sizes;
}

const texts = (metadata: Readonly<Record<string, string>>): string =>
  JSON.stringify(Object.entries(metadata).sort());

const shapes = (entries: readonly TensorEntry[]): string =>
  JSON.stringify(entries.map(({ name, dtype, shape }) => [name, dtype, shape]));
