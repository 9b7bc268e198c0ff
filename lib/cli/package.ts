export { packageVersion } from "../native/packageVersion.js";
