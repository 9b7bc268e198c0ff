export { generateShop } from "./generate.js";
export { SHOP_DEFAULTS, type ShopOptions } from "./parameters.js";
