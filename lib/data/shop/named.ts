import { argumentError } from "../../native/errors.js";
import type { Dataset } from "../dataset.js";
import { generateShop } from "./generate.js";

/** `shop`, or `shop:` and its numbers of users, items and interactions. */
const NAME = /^shop(:(?<sizes>.*))?$/s;
const SIZES = /^(?<users>\d+)x(?<items>\d+)x(?<interactions>\d+)$/;

/**
 * The generated shop that a name asks for: `shop` the default one, `shop:6000x600x150000` one of so many users, items and
 * interactions. Null for a name that is not a shop's.
 * @throws Llama4RecError `E_ARGUMENT` for sizes that cannot be.
 */
export function namedShop(name: string): Dataset | null {
  const named = NAME.exec(name);
  if (named === null) return null;
  const { sizes } = named.groups ?? {};
  if (sizes === undefined) return generateShop();
  const numbers = SIZES.exec(sizes)?.groups;
  if (numbers === undefined)
    throw argumentError("data", "shop:<users>x<items>x<interactions>, as shop:6000x600x150000", name);
  return generateShop({
    users: Number(numbers.users),
    items: Number(numbers.items),
    interactions: Number(numbers.interactions),
  });
}
