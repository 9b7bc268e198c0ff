import { DatasetBuilder } from "./builder.js";
import type { Dataset } from "./dataset.js";
import { requireFile } from "./files.js";
import { type ReadOptions, type RowFormat, readRows } from "./rows.js";

const COLONS = { delimiter: "::", quoting: "none", encoding: "latin1" } as const;
const ITEMS: RowFormat = { ...COLONS, columns: ["MovieID", "Title", "Genres"] };
const USERS: RowFormat = { ...COLONS, columns: ["UserID", "Gender", "Age", "Occupation", "Zip-code"] };
const RATINGS: RowFormat = { ...COLONS, columns: ["UserID", "MovieID", "Rating", "Timestamp"] };

/** The age groups that `users.dat` names by their lower bound. */
const AGES = new Map([
  ["1", "Under 18"],
  ["18", "18-24"],
  ["25", "25-34"],
  ["35", "35-44"],
  ["45", "45-49"],
  ["50", "50-55"],
  ["56", "56+"],
]);

/** The occupations that `users.dat` numbers from 0. */
const OCCUPATIONS = [
  "other",
  "academic/educator",
  "artist",
  "clerical/admin",
  "college/grad student",
  "customer service",
  "doctor/health care",
  "executive/managerial",
  "farmer",
  "homemaker",
  "K-12 student",
  "lawyer",
  "programmer",
  "retired",
  "sales/marketing",
  "scientist",
  "self-employed",
  "technician/engineer",
  "tradesman/craftsman",
  "unemployed",
  "writer",
];

/**
 * Reads MovieLens 1M as it comes: `ratings.dat`, `movies.dat`, `users.dat`, each plain or `.gz`.
 *
 * All 3,883 movies listed are items, 3,706 of them have ratings. Items have `genres` and `year`, users `age`, `gender`,
 * `occupation` and `zipCode`; a rating of 4 or 5 is a like.
 *
 * @param folder where the files are
 * @throws Llama4RecError `E_FILE` when a file is missing, `E_ROW` when a row does not parse or names an unlisted item
 */
export async function readMovieLens1M(folder: string, options: ReadOptions = {}): Promise<Dataset> {
  const items = requireFile(folder, "movies.dat", "the items of MovieLens 1M");
  const users = requireFile(folder, "users.dat", "the users of MovieLens 1M");
  const ratings = requireFile(folder, "ratings.dat", "the ratings of MovieLens 1M");
  const builder = new DatasetBuilder("ml-1m", { likeThreshold: 4 });
  await readRows(
    items,
    ITEMS,
    () => (row) => {
      const title = row.text(1);
      const year = /\(([0-9]{4})\)$/.exec(title)?.[1] ?? "";
      builder.addItem(row.integer(0), title, { genres: row.text(2).split("|"), year });
    },
    options,
  );
  await readRows(
    users,
    USERS,
    () => (row) => {
      const age = AGES.get(row.text(2));
      if (age === undefined) throw row.error(2, `one of ${[...AGES.keys()].join(", ")}`);
      const occupation = OCCUPATIONS[row.integer(3)];
      if (occupation === undefined) throw row.error(3, `a number from 0 to ${OCCUPATIONS.length - 1}`);
      builder.addUser(row.integer(0), { age, gender: row.text(1), occupation, zipCode: row.text(4) });
    },
    options,
  );
  await readRows(
    ratings,
    RATINGS,
    () => (row) => {
      const item = row.integer(1);
      if (!builder.hasItem(item)) throw row.error(1, `a MovieID of ${items}`);
      builder.addInteraction(row.integer(0), item, row.rating(2), row.number(3));
    },
    options,
  );
  return builder.build();
}
