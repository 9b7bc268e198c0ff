import { argumentError, Llama4RecError } from "../native/errors.js";

/** Where a kernel runs: `auto` takes the best there is. */
export type Device = "auto" | "cpu" | "cuda" | `cuda:${number}`;

/** Options of every kernel. */
export interface KernelOptions {
  /** Default `auto`. */
  readonly device?: Device;
}

/**
 * Refuses a device that is not there; this build runs on the processor.
 * @throws Llama4RecError `E_DEVICE` for a GPU, `E_ARGUMENT` for anything else that is no device.
 * @internal
 */
export function checkDevice({ device = "auto" }: KernelOptions): void {
  if (device === "auto" || device === "cpu") return;
  if (/^cuda(:\d+)?$/.test(device))
    throw new Llama4RecError("E_DEVICE", `device: ${device} is not there, this build has no CUDA backend`);
  throw argumentError("device", '"auto", "cpu", "cuda" or "cuda:<number>"', device);
}
