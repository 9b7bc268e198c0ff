/** The catalogue of the generated shop: authors, and books whose titles speak of their theme. */

import { bell, cumulate, pick, pickWeighted, rankWeights } from "../draws.js";
import type { Random } from "../random.js";
import { BOOKS, SPAN } from "./parameters.js";
import type { Subject, Theme } from "./vocabulary.js";
import {
  INITIALS,
  NEUTRAL_WORDS,
  SUBJECTS_PER_THEME,
  SURNAME_ENDS,
  SURNAME_STARTS,
  THEMES,
} from "./vocabulary.js";

/** One book, with what the reader model knows of it. */
export interface Book {
  title: string;
  author: string;
  genres: string[];
  year: number;
  /** Its subject: `theme * SUBJECTS_PER_THEME + n`. */
  subject: number;
  /** Weight with which it is read. */
  popularity: number;
  /** What it adds to every rating, in stars. */
  quality: number;
  /** When it comes out, as a share of the span. */
  released: number;
}

interface Author {
  name: string;
  theme: number;
  subject: number;
  /** The role that the titles of the author's series share. */
  seriesRole: string;
}

/** Running sums of the themes' weights, the same for authors and readers. */
export const THEME_WEIGHTS = cumulate(rankWeights(THEMES.length, BOOKS.themeOffset));

/** `[items]` books, in the order in which they come out. */
export function makeBooks(items: number, random: Random): Book[] {
  const authors = makeAuthors(Math.ceil(items / BOOKS.perAuthor), random);
  const authorWeights = cumulate(rankWeights(authors.length, authors.length * BOOKS.authorOffset));
  const popularity = rankWeights(items, items * BOOKS.popularityOffset);
  random.shuffle(popularity);
  const taken = new Set<string>();
  const backlist = Math.ceil(items * BOOKS.backlist);

  return Array.from(popularity, (weight, item) => {
    const author = authors[pickWeighted(random, authorWeights)];
    const theme = random.next() < BOOKS.homeTheme ? author.theme : pickWeighted(random, THEME_WEIGHTS);
    const isHome = theme === author.theme && random.next() < BOOKS.homeSubject;
    const subject = isHome ? author.subject : random.below(SUBJECTS_PER_THEME);
    const isSeries = isHome && random.next() < BOOKS.series;
    const released = item < backlist ? 0 : (BOOKS.lastRelease * (item - backlist + 1)) / (items - backlist);
    return {
      title: uniqueTitle(taken, () =>
        drawTitle(
          THEMES[theme],
          THEMES[theme].subjects[subject],
          isSeries ? author.seriesRole : null,
          random,
        ),
      ),
      author: author.name,
      genres: drawGenres(THEMES[theme], random),
      year:
        released === 0
          ? BOOKS.firstYear + random.below(SPAN.startYear - BOOKS.firstYear)
          : SPAN.startYear + Math.floor(released * SPAN.years),
      subject: theme * SUBJECTS_PER_THEME + subject,
      popularity: weight,
      quality: bell(random),
      released,
    };
  });
}

function makeAuthors(count: number, random: Random): Author[] {
  const surnames = SURNAME_STARTS.flatMap((start) => SURNAME_ENDS.map((end) => start + end));
  random.shuffle(surnames);
  return Array.from({ length: count }, (_, n) => {
    const theme = pickWeighted(random, THEME_WEIGHTS);
    const subject = random.below(SUBJECTS_PER_THEME);
    const initial = INITIALS[(n + Math.floor(n / surnames.length)) % INITIALS.length];
    return {
      name: `${initial}. ${surnames[n % surnames.length]}`,
      theme,
      subject,
      seriesRole: pick(random, THEMES[theme].subjects[subject].roles),
    };
  });
}

function drawGenres(theme: Theme, random: Random): string[] {
  const first = random.below(theme.genres.length);
  const second = (first + 1) % theme.genres.length;
  return random.next() < BOOKS.secondGenre
    ? [theme.genres[first], theme.genres[second]]
    : [theme.genres[first]];
}

/** One title; those of a series share `seriesRole`. */
function drawTitle(theme: Theme, subject: Subject, seriesRole: string | null, random: Random): string {
  const role = seriesRole ?? pick(random, subject.roles);
  const thing = pick(random, subject.things);
  const adjective = pick(random, theme.adjectives);
  const place = pick(random, theme.places);
  const neutral = pick(random, NEUTRAL_WORDS);
  const ofSeries = [`The ${role}'s ${thing}`, `The ${role} and the ${thing}`, `The ${role} of the ${place}`];
  const others = [
    ...[`The ${adjective} ${thing}`, `The ${thing} of ${adjective} ${place}`, `The ${adjective} ${role}`],
    ...[`The ${neutral} ${thing} of the ${place}`, `No ${thing} for the ${role}`],
    ...[`The ${thing} and the ${place}`, `The ${neutral} ${role}`],
  ];
  return pick(random, seriesRole === null ? [...ofSeries, ...others] : ofSeries);
}

/** Draws until the title is new; a volume number settles what draws do not. */
function uniqueTitle(taken: Set<string>, draw: () => string): string {
  let title = draw();
  for (let n = 1; n < BOOKS.titleDraws && taken.has(title); n++) title = draw();
  const stem = title;
  for (let volume = 2; taken.has(title); volume++) title = `${stem}, Volume ${volume}`;
  taken.add(title);
  return title;
}
