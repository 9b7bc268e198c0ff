import { basename, extname } from "node:path";
import { argumentError, Llama4RecError } from "../native/errors.js";
import { DatasetBuilder } from "./builder.js";
import type { Dataset } from "./dataset.js";
import { columnIndex } from "./files.js";
import { type ReadOptions, type RowFormat, readRows, type TextEncoding } from "./rows.js";

/** Names of the columns of a table of interactions. */
export interface TableColumns {
  /** Default `user`. */
  readonly user?: string;
  /** Default `item`. */
  readonly item?: string;
  /** Default `rating` where there is such a column, else every interaction counts 1. */
  readonly rating?: string;
  /** Default `timestamp` where there is such a column, else there are none. Finite numbers of any unit. */
  readonly timestamp?: string;
}

/** How a table is written. */
export interface TableFormat {
  /** Between two fields; default by the name: `,` for `.csv`, a tab for `.tsv` (also before `.gz`). */
  readonly delimiter?: string;
  /** Default `utf-8`. */
  readonly encoding?: TextEncoding;
}

/** Names of the columns of a table of items. */
export interface ItemColumns {
  /** Default `id`. */
  readonly id?: string;
  /** Default `title`. */
  readonly title?: string;
}

/** A table of items: an id, a title, and any other columns, which become attributes. */
export interface ItemTable extends TableFormat {
  /** Path of the table, plain or `.gz`. */
  readonly file: string;
  /** Names of the columns; default `id` and `title`. */
  readonly columns?: ItemColumns;
}

/** Options of {@link readTable}. */
export interface TableOptions extends TableFormat, ReadOptions {
  /** Names of the columns. */
  readonly columns?: TableColumns;
  /** Titles and attributes; items listed here belong to the catalogue even without interactions. */
  readonly items?: ItemTable;
  /** What tables and reports call the data set; default the file's name without its endings. */
  readonly name?: string;
  /** Lowest rating that counts as a like; `null` (the default) when every interaction is one. */
  readonly likeThreshold?: number | null;
}

/**
 * Reads a CSV or TSV file of interactions with a header line, plain or `.gz`, quoted as in RFC 4180.
 *
 * Ids stay text, unless all users (or all items) are canonical non-negative integers: those become numbers.
 *
 * @throws Llama4RecError `E_FILE` when a file is missing or holds no rows, `E_COLUMN` when a named column is missing,
 *   `E_ROW` when a row does not parse, `E_ARGUMENT` when the delimiter cannot be told from the name
 *
 * @example
 * ```ts
 * const dataset = await readTable("orders.tsv.gz", {
 *   columns: { user: "customer", item: "sku", timestamp: "ordered_at" },
 *   items: { file: "products.csv", columns: { id: "sku", title: "name" } },
 * });
 * ```
 */
export async function readTable(file: string, options: TableOptions = {}): Promise<Dataset> {
  const name = options.name ?? basename(plainName(file), extname(plainName(file)));
  const builder = new DatasetBuilder(name, { likeThreshold: options.likeThreshold, textIds: true });
  const format = rowFormat(file, options);
  const itemFormat = options.items && rowFormat(options.items.file, options.items);
  if (options.items && itemFormat) await readItems(options.items, itemFormat, builder, options);
  let rows = 0;
  await readRows(
    file,
    format,
    (columns) => {
      const named = options.columns ?? {};
      const user = columnIndex(file, columns, named.user ?? "user");
      const item = columnIndex(file, columns, named.item ?? "item");
      const rating = optionalColumn(file, columns, named.rating, "rating");
      const timestamp = optionalColumn(file, columns, named.timestamp, "timestamp");
      return (row) => {
        rows++;
        builder.addInteraction(
          row.id(user),
          row.id(item),
          rating === undefined ? 1 : row.rating(rating),
          timestamp === undefined ? undefined : row.number(timestamp),
        );
      };
    },
    options,
  );
  if (rows === 0)
    throw new Llama4RecError("E_FILE", `${file}: expected rows of interactions, got only a header`);
  return builder.build();
}

async function readItems(
  table: ItemTable,
  format: RowFormat,
  builder: DatasetBuilder,
  options: ReadOptions,
): Promise<void> {
  const { file } = table;
  await readRows(
    file,
    format,
    (columns) => {
      const id = columnIndex(file, columns, table.columns?.id ?? "id");
      const title = columnIndex(file, columns, table.columns?.title ?? "title");
      const others = columns
        .map((name, index) => ({ name, index }))
        .filter(({ index }) => index !== id && index !== title);
      return (row) => {
        if (builder.hasItem(row.id(id))) throw row.error(id, "an id that is not listed yet");
        builder.addItem(
          row.id(id),
          row.text(title),
          Object.fromEntries(others.map(({ name, index }) => [name, row.text(index)])),
        );
      };
    },
    options,
  );
}

/** A column asked for by name must be there; one of the default name may be missing. */
function optionalColumn(
  file: string,
  columns: readonly string[],
  asked: string | undefined,
  usual: string,
): number | undefined {
  if (asked === undefined && !columns.includes(usual)) return undefined;
  return columnIndex(file, columns, asked ?? usual);
}

function plainName(file: string): string {
  return file.endsWith(".gz") ? file.slice(0, -".gz".length) : file;
}

function rowFormat(file: string, { delimiter, encoding = "utf-8" }: TableFormat): RowFormat {
  const chosen = delimiter ?? { ".csv": ",", ".tsv": "\t" }[extname(plainName(file)).toLowerCase()];
  if (chosen === undefined || chosen === "" || /["\r\n]/.test(chosen))
    throw argumentError(
      "delimiter",
      `text between fields (told from the name for .csv and .tsv) for ${file}`,
      chosen,
    );
  if (encoding !== "utf-8" && encoding !== "latin1")
    throw argumentError("encoding", '"utf-8" or "latin1"', encoding);
  return { delimiter: chosen, quoting: "doubled", encoding };
}
