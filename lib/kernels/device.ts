import { argumentError, Llama4RecError } from "../native/errors.js";

/**
 * Where a kernel runs. `auto` is the processor: numbers in the caller's memory would have to travel first, and the GPU
 * kernels are not measured yet. `cuda` is the first GPU.
 */
export type Device = "auto" | "cpu" | "cuda" | `cuda:${number}`;

/** Options of every kernel. */
export interface KernelOptions {
  /** Default `auto`. */
  readonly device?: Device;
}

/**
 * The number of a GPU, or -1 for the processor. Whether the GPU is there is found by the call itself.
 * @throws Llama4RecError `E_ARGUMENT` for what is no device.
 * @internal
 */
export function deviceIndex({ device = "auto" }: KernelOptions): number {
  if (device === "auto" || device === "cpu") return -1;
  if (device === "cuda") return 0;
  const number = /^cuda:(\d{1,3})$/.exec(device)?.[1];
  if (number === undefined || Number(number) > 255)
    throw argumentError("device", '"auto", "cpu", "cuda" or "cuda:<number>"', device);
  return Number(number);
}

/**
 * Refuses a GPU for a kernel that has no CUDA form.
 * @throws Llama4RecError `E_DEVICE` for a GPU, `E_ARGUMENT` for what is no device.
 * @internal
 */
export function processorOnly(options: KernelOptions): void {
  if (deviceIndex(options) >= 0)
    throw new Llama4RecError(
      "E_DEVICE",
      `device: ${options.device} has no kernel for this, it runs on the CPU alone`,
    );
}
