/** A process of its own whose training thread needs more memory than there is: prints the error. */
import { Llama4RecError } from "../../lib/native/errors.js";
import { exported, fitModel } from "./fitModel.js";

try {
  await fitModel({ worker: true, backbone: exported("hungry") });
} catch (error) {
  if (!(error instanceof Llama4RecError)) throw error;
  console.log(error.code, error.message);
}
