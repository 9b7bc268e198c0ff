import { DatasetBuilder } from "./builder.js";
import type { Dataset } from "./dataset.js";
import { requireFile } from "./files.js";
import { type ReadOptions, type RowFormat, readRows } from "./rows.js";

/** The genre flags of `u.item`, in column order. */
const GENRES = [
  "unknown",
  "Action",
  "Adventure",
  "Animation",
  "Children's",
  "Comedy",
  "Crime",
  "Documentary",
  "Drama",
  "Fantasy",
  "Film-Noir",
  "Horror",
  "Musical",
  "Mystery",
  "Romance",
  "Sci-Fi",
  "Thriller",
  "War",
  "Western",
];

const PIPED = { delimiter: "|", quoting: "none", encoding: "latin1" } as const;
const ITEMS: RowFormat = {
  ...PIPED,
  columns: ["movie id", "title", "release date", "video release date", "IMDb URL", ...GENRES],
};
const USERS: RowFormat = { ...PIPED, columns: ["user id", "age", "gender", "occupation", "zip code"] };
const RATINGS: RowFormat = {
  ...PIPED,
  delimiter: "\t",
  columns: ["user id", "item id", "rating", "timestamp"],
};

/**
 * Reads MovieLens 100K as it comes: `u.data`, `u.item`, `u.user`, each plain or `.gz`.
 *
 * Items have `genres` and `year`, users `age`, `gender`, `occupation` and `zipCode`; a rating of 4 or 5 is a like.
 *
 * @param folder where the files are
 * @throws Llama4RecError `E_FILE` when a file is missing, `E_ROW` when a row does not parse or names an unlisted item
 */
export async function readMovieLens100K(folder: string, options: ReadOptions = {}): Promise<Dataset> {
  const items = requireFile(folder, "u.item", "the items of MovieLens 100K");
  const users = requireFile(folder, "u.user", "the users of MovieLens 100K");
  const ratings = requireFile(folder, "u.data", "the ratings of MovieLens 100K");
  const builder = new DatasetBuilder("ml-100k", { likeThreshold: 4 });
  await readRows(
    items,
    ITEMS,
    () => (row) => {
      const genres = GENRES.filter((_, genre) => row.text(5 + genre) === "1");
      builder.addItem(row.integer(0), row.text(1), { genres, year: row.text(2).slice(-4) });
    },
    options,
  );
  await readRows(
    users,
    USERS,
    () => (row) =>
      builder.addUser(row.integer(0), {
        age: row.text(1),
        gender: row.text(2),
        occupation: row.text(3),
        zipCode: row.text(4),
      }),
    options,
  );
  await readRows(
    ratings,
    RATINGS,
    () => (row) => {
      const item = row.integer(1);
      if (!builder.hasItem(item)) throw row.error(1, `a movie id of ${items}`);
      builder.addInteraction(row.integer(0), item, row.rating(2), row.number(3));
    },
    options,
  );
  return builder.build();
}
