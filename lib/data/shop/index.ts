export { generateShop } from "./generate.js";
export { namedShop } from "./named.js";
export { SHOP_DEFAULTS, type ShopOptions } from "./parameters.js";
