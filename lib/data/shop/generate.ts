import { argumentError } from "../../native/errors.js";
import { Dataset, type Interactions } from "../dataset.js";
import { bell, pickWeighted } from "../draws.js";
import { IdMap } from "../idMap.js";
import { Random } from "../random.js";
import type { Book } from "./books.js";
import { makeBooks } from "./books.js";
import type { ShopOptions } from "./parameters.js";
import { LIMITS, RATINGS, READERS, SHOP_DEFAULTS, SPAN } from "./parameters.js";
import type { Reader } from "./readers.js";
import { likingAt, makeReaders } from "./readers.js";

/** Streams of the generator: one a stage, so that a change to one leaves the others' draws alone. */
const STREAM = { books: 1, readers: 2, visits: 3 } as const;

/**
 * Generates the embedded bookshop: invented books with an author, genres and a year, and readers who rate them 1 to 5
 * in the order of time. It is a demonstration, no evidence for any method: what it rewards was put into it. Titles are
 * made of words of their theme and subject, which readers like and which the genres tell only coarsely, so that text
 * says something where interactions are few.
 *
 * The same options give the same bits on every machine. The cost grows with interactions times items.
 *
 * @throws Llama4RecError `E_ARGUMENT` if an option is out of range, see {@link ShopOptions}.
 *
 * @example
 * ```ts
 * const shop = generateShop({ seed: 7 });
 * console.log(shop.titles[0]);
 * ```
 */
export function generateShop(options: ShopOptions = {}): Dataset {
  const { seed, users, items, interactions } = checkOptions(options);
  const books = makeBooks(items, new Random(seed, STREAM.books));
  const readers = makeReaders(users, items, interactions, new Random(seed, STREAM.readers));
  return new Dataset({
    name: "shop",
    users: IdMap.from(readers.map((_, n) => n + 1)),
    items: IdMap.from(books.map((_, n) => n + 1)),
    interactions: makeInteractions(books, readers, new Random(seed, STREAM.visits)),
    titles: books.map((book) => book.title),
    itemAttributes: {
      author: books.map((book) => book.author),
      genres: books.map((book) => book.genres),
      year: books.map((book) => String(book.year)),
    },
    userAttributes: {},
    likeThreshold: RATINGS.likeThreshold,
  });
}

function checkOptions(options: ShopOptions): Required<ShopOptions> {
  const {
    seed = SHOP_DEFAULTS.seed,
    users = SHOP_DEFAULTS.users,
    items = SHOP_DEFAULTS.items,
    interactions = SHOP_DEFAULTS.interactions,
  } = options;
  checkInteger("seed", seed, 0, Number.MAX_SAFE_INTEGER);
  checkInteger("users", users, ...LIMITS.users);
  checkInteger("items", items, ...LIMITS.items);
  const most = users * Math.floor(items * READERS.mostShare);
  checkInteger("interactions", interactions, users * READERS.fewest, most);
  return { seed, users, items, interactions };
}

function checkInteger(name: string, value: number, least: number, most: number): void {
  if (!Number.isInteger(value) || value < least || value > most) {
    throw argumentError(name, `an integer from ${least} to ${most}`, value);
  }
}

/** One book read and rated. */
interface Visit {
  user: number;
  item: number;
  rating: number;
  /** Share of the span. */
  time: number;
}

/** Lets everyone read and puts the visits in the order of time, no two in the same second. */
function makeInteractions(books: readonly Book[], readers: readonly Reader[], random: Random): Interactions {
  const visits = readers
    .flatMap((reader, user) => read(books, reader, user, random))
    .sort((a, b) => a.time - b.time || a.user - b.user);
  let previous = 0;
  const timestamps = Float64Array.from(visits, ({ time }) => {
    previous = Math.max(previous + 1, SPAN.start + Math.floor(time * SPAN.seconds));
    return previous;
  });
  return {
    users: Int32Array.from(visits, (visit) => visit.user),
    items: Int32Array.from(visits, (visit) => visit.item),
    ratings: Float32Array.from(visits, (visit) => visit.rating),
    timestamps,
  };
}

/** What one reader reads, in order: unread books that are out, by popularity, liking and loyalty to authors. */
function read(books: readonly Book[], reader: Reader, user: number, random: Random): Visit[] {
  const appeal = Float64Array.from(books, (book) => book.popularity);
  const likedAuthors = new Set<string>();
  const times = Float64Array.from(
    { length: reader.interactions },
    () => reader.joined + random.next() * (1 - reader.joined),
  ).sort();
  const cumulative = new Float64Array(books.length);

  return Array.from(times, (time) => {
    const liking = likingAt(reader, time);
    let out = 0; // books come out in order
    for (let sum = 0; out < books.length && books[out].released <= time; out++) {
      sum += appeal[out] * (liking[books[out].subject] + READERS.anything);
      cumulative[out] = sum;
    }
    const item = pickWeighted(random, cumulative.subarray(0, out));
    const book = books[item];
    const rating = rate(book, reader, liking[book.subject], random);

    appeal[item] = 0;
    if (rating >= RATINGS.likeThreshold && !likedAuthors.has(book.author)) {
      likedAuthors.add(book.author);
      books.forEach((other, n) => {
        if (other.author === book.author) appeal[n] *= READERS.loyalty;
      });
    }
    return { user, item, rating, time };
  });
}

function rate(book: Book, reader: Reader, fit: number, random: Random): number {
  const stars =
    RATINGS.base +
    RATINGS.fit * fit +
    RATINGS.quality * book.quality +
    RATINGS.generosity * reader.generosity +
    RATINGS.noise * bell(random);
  return Math.min(5, Math.max(1, Math.round(stars)));
}
