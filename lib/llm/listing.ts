import { argumentError } from "../native/errors.js";

/** A place in the tree of candidates, one level a token. */
interface Node<Token> {
  readonly next: Map<Token, Node<Token>>;
  /** Candidates through here that are not yet written. */
  left: number;
  /** Candidates that end here, by position. */
  readonly ends: number[];
}

/** Picks one of `allowed` after `written`, the tokens since it last chose. */
export type NextToken<Token> = (written: readonly Token[], allowed: readonly Token[]) => Promise<Token>;

/** Tokens as a tree, so that a step knows what continues a candidate. */
export type TokenTree<Token> = Node<Token>;

/**
 * The tree of all candidates. Equal ones share their end.
 *
 * @param texts the candidates' texts, for the error
 * @throws Llama4RecError `E_ARGUMENT` if a candidate begins another: its end could not be told.
 */
export function tokenTree<Token>(
  candidates: readonly (readonly Token[])[],
  texts: readonly string[],
): TokenTree<Token> {
  const root: Node<Token> = { next: new Map(), left: 0, ends: [] };
  for (const [position, tokens] of candidates.entries()) {
    let node = root;
    node.left++;
    for (const token of tokens) {
      checkEnd(node.ends.length === 0, position, texts);
      const next = node.next.get(token) ?? { next: new Map(), left: 0, ends: [] };
      node.next.set(token, next);
      next.left++;
      node = next;
    }
    checkEnd(node.next.size === 0, position, texts);
    node.ends.push(position);
  }
  return root;
}

function checkEnd(alone: boolean, position: number, texts: readonly string[]): void {
  if (alone) return;
  const expected = "candidates none of which begins another; end each with a line break";
  throw argumentError(`candidates[${position}]`, expected, texts[position]);
}

/**
 * Writes every candidate once, one after another, and returns their positions in the order written. Empties the tree.
 * Where one token alone goes on, nothing is asked, so the last candidate costs nothing.
 */
export async function writeList<Token>(
  tree: TokenTree<Token>,
  choose: NextToken<Token>,
): Promise<Int32Array> {
  const order: number[] = [];
  let written: Token[] = [];
  while (tree.left > 0) {
    let node = tree;
    node.left--;
    while (node.ends.length === 0) {
      const open = [...node.next].filter(([, child]) => child.left > 0).map(([token]) => token);
      let [token] = open;
      if (open.length > 1) {
        token = await choose(written, open);
        written = [];
      }
      written.push(token);
      node = childOf(node, token);
      node.left--;
    }
    order.push(...node.ends.splice(0, 1));
  }
  return Int32Array.from(order);
}

function childOf<Token>(node: Node<Token>, token: Token): Node<Token> {
  const child = node.next.get(token);
  if (!child || child.left === 0) throw new Error("a token was chosen that continues no candidate");
  return child;
}
