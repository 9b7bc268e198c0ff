import { Llama4RecError } from "../native/errors.js";
import { DatasetBuilder } from "./builder.js";
import type { Dataset } from "./dataset.js";
import { columnIndex, requireFile } from "./files.js";
import { kCore } from "./kCore.js";
import { type ReadOptions, type RowFormat, readRows } from "./rows.js";

const FORMAT: RowFormat = { delimiter: ";", quoting: "backslash", encoding: "latin1" };

/** Users and items of the subset have at least this many ratings. */
const CORE = 5;

interface Book {
  readonly isbn: string;
  readonly title: string;
  readonly author: string;
  readonly year: string;
  readonly publisher: string;
}

/** Explicit ratings as parallel columns: user id, position in the list of books, rating 1..10. */
interface Ratings {
  readonly users: number[];
  readonly books: number[];
  readonly ratings: number[];
}

/**
 * Reads the usual subset of Book-Crossing from the files as they come: `BX-Book-Ratings.csv`, `BX-Books.csv`,
 * `BX-Users.csv`, each plain or `.gz`.
 *
 * Kept are explicit ratings (1..10) of listed books, in the 5-core of users and books. There are no timestamps, and
 * every rating is a like. Items have `author`, `year` and `publisher`, users `location` and `age`.
 *
 * @param folder where the files are
 * @throws Llama4RecError `E_FILE` when a file is missing or nothing is left, `E_COLUMN` when one lacks an official
 *   column, `E_ROW` when a row does not parse
 */
export async function readBookCrossing(folder: string, options: ReadOptions = {}): Promise<Dataset> {
  const booksFile = requireFile(folder, "BX-Books.csv", "the books of Book-Crossing");
  const usersFile = requireFile(folder, "BX-Users.csv", "the users of Book-Crossing");
  const ratingsFile = requireFile(folder, "BX-Book-Ratings.csv", "the ratings of Book-Crossing");
  const books = await readBooks(booksFile, options);
  const { users, books: rated, ratings } = await readRatings(ratingsFile, books, options);
  const userCount = users.reduce((most, user) => Math.max(most, user), -1) + 1;
  const { kept, size } = kCore(users, rated, userCount, books.length, CORE);
  if (size === 0) {
    const expected = `explicit ratings of listed books that leave a ${CORE}-core`;
    throw new Llama4RecError("E_FILE", `${ratingsFile}: expected ${expected}, got none`);
  }
  const builder = new DatasetBuilder("book-crossing");
  for (let row = 0; row < users.length; row++) {
    if (kept[row] === 0) continue;
    const { isbn, title, ...attributes } = books[rated[row]];
    if (!builder.hasItem(isbn)) builder.addItem(isbn, title, attributes);
    builder.addInteraction(users[row], isbn, ratings[row]);
  }
  await readUsers(usersFile, builder, options);
  return builder.build();
}

async function readBooks(file: string, options: ReadOptions): Promise<Book[]> {
  const books: Book[] = [];
  await readRows(
    file,
    FORMAT,
    (columns) => {
      const isbn = columnIndex(file, columns, "ISBN");
      const title = columnIndex(file, columns, "Book-Title");
      const author = columnIndex(file, columns, "Book-Author");
      const year = columnIndex(file, columns, "Year-Of-Publication");
      const publisher = columnIndex(file, columns, "Publisher");
      return (row) =>
        books.push({
          isbn: row.id(isbn),
          title: row.text(title),
          author: row.text(author),
          year: row.text(year) === "0" ? "" : row.text(year),
          publisher: row.text(publisher),
        });
    },
    options,
  );
  return books;
}

async function readRatings(file: string, books: readonly Book[], options: ReadOptions): Promise<Ratings> {
  const positions = new Map(books.map((book, position) => [book.isbn, position]));
  const kept: Ratings = { users: [], books: [], ratings: [] };
  await readRows(
    file,
    FORMAT,
    (columns) => {
      const user = columnIndex(file, columns, "User-ID");
      const isbn = columnIndex(file, columns, "ISBN");
      const rating = columnIndex(file, columns, "Book-Rating");
      return (row) => {
        const userId = row.integer(user);
        const value = row.rating(rating);
        const book = positions.get(row.id(isbn));
        if (value === 0 || book === undefined) return;
        kept.users.push(userId);
        kept.books.push(book);
        kept.ratings.push(value);
      };
    },
    options,
  );
  return kept;
}

async function readUsers(file: string, builder: DatasetBuilder, options: ReadOptions): Promise<void> {
  await readRows(
    file,
    FORMAT,
    (columns) => {
      const id = columnIndex(file, columns, "User-ID");
      const location = columnIndex(file, columns, "Location");
      const age = columnIndex(file, columns, "Age");
      return (row) => {
        const user = row.integer(id);
        if (!builder.hasUser(user)) return;
        const years = row.text(age);
        builder.addUser(user, { location: row.text(location), age: years === "NULL" ? "" : years });
      };
    },
    options,
  );
}
