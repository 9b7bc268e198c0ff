import { argumentError, Llama4RecError } from "../native/errors.js";

/**
 * Where a kernel runs. `auto` is the processor: what is in its memory would have to be copied to a GPU and back, which costs
 * more than one call saves.
 */
export type Device = "auto" | "cpu" | "cuda" | `cuda:${number}`;

/** Options of every kernel. */
export interface KernelOptions {
  /** Default `auto`. */
  readonly device?: Device;
}

/**
 * The device as the engine takes it.
 * @throws Llama4RecError `E_ARGUMENT` for what is no device.
 * @internal
 */
export function deviceName({ device = "auto" }: KernelOptions): string {
  if (device === "auto") return "cpu";
  if (device === "cpu" || /^cuda(:\d+)?$/.test(device)) return device;
  throw argumentError("device", '"auto", "cpu", "cuda" or "cuda:<number>"', device);
}

/**
 * Refuses a GPU, of a kernel that has none of its own for it.
 * @throws Llama4RecError `E_DEVICE` for a GPU, `E_ARGUMENT` for anything else that is no device.
 * @internal
 */
export function processorOnly(options: KernelOptions): void {
  const device = deviceName(options);
  if (device !== "cpu")
    throw new Llama4RecError(
      "E_DEVICE",
      `device: ${device} cannot be had: this kernel runs on the processor alone`,
    );
}
