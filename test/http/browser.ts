/** Drives a headless Chromium by its DevTools protocol over pipes: no package, no port. */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";

const places = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/** Where a Chromium is; null where there is none. */
export const chromium = (): string | null => places.find((path) => existsSync(path)) ?? null;

interface Message {
  readonly id?: number;
  readonly result?: unknown;
  readonly error?: { readonly message: string };
}

/** What an evaluation came to. */
interface Evaluated {
  readonly result: { readonly value: unknown };
  readonly exceptionDetails?: {
    readonly text: string;
    readonly exception?: { readonly description?: string };
  };
}

/** One page of a browser of its own. */
export class Page implements AsyncDisposable {
  readonly #process: ChildProcess;
  readonly #folder: string;
  readonly #out: Writable;
  readonly #waiting = new Map<number, (message: Message) => void>();
  #session: string | undefined;
  #count = 0;

  private constructor(process: ChildProcess, folder: string) {
    this.#process = process;
    this.#folder = folder;
    this.#out = process.stdio[3] as Writable;
    let rest = "";
    const input = process.stdio[4] as Readable;
    input.setEncoding("utf8");
    input.on("data", (text: string) => {
      const messages = (rest + text).split("\0");
      rest = messages.pop() ?? "";
      for (const each of messages) {
        const message: Message = JSON.parse(each);
        if (message.id !== undefined) this.#waiting.get(message.id)?.(message);
      }
    });
  }

  /** Opens an address in a window of a size, in CSS pixels. */
  static async open(
    path: string,
    url: string,
    { width, height, dark = false }: { width: number; height: number; dark?: boolean },
  ): Promise<Page> {
    const folder = await mkdtemp(join(tmpdir(), "llama4rec-browser-"));
    const args = ["--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe"];
    const child = spawn(path, [...args, `--user-data-dir=${folder}`, "about:blank"], {
      stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"],
    });
    const page = new Page(child, folder);
    const { targetId } = (await page.send("Target.createTarget", { url: "about:blank" })) as {
      targetId: string;
    };
    const attached = await page.send("Target.attachToTarget", { targetId, flatten: true });
    page.#session = (attached as { sessionId: string }).sessionId;
    const mobile = width < 500;
    await page.send("Emulation.setDeviceMetricsOverride", { width, height, deviceScaleFactor: 1, mobile });
    await page.send("Emulation.setEmulatedMedia", {
      features: [{ name: "prefers-color-scheme", value: dark ? "dark" : "light" }],
    });
    await page.send("Page.navigate", { url });
    return page;
  }

  /** Sends a command of the protocol. */
  send(method: string, params: object = {}): Promise<unknown> {
    const id = ++this.#count;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, ({ result, error }) => {
        this.#waiting.delete(id);
        if (error === undefined) resolve(result);
        else reject(new Error(`${method}: ${error.message}`));
      });
      this.#out.write(`${JSON.stringify({ id, method, params, sessionId: this.#session })}\0`);
    });
  }

  /** Value of an expression, awaited. */
  async evaluate(expression: string): Promise<unknown> {
    const options = { expression, awaitPromise: true, returnByValue: true };
    const { result, exceptionDetails } = (await this.send("Runtime.evaluate", options)) as Evaluated;
    if (exceptionDetails !== undefined)
      throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    return result.value;
  }

  /** Waits until an expression is true. */
  async until(expression: string, milliseconds = 10_000): Promise<void> {
    const end = performance.now() + milliseconds;
    while ((await this.evaluate(`Boolean(${expression})`).catch(() => false)) !== true) {
      if (performance.now() > end) throw new Error(`never: ${expression}`);
      await new Promise((resolve) => setTimeout(resolve, 30));
    }
  }

  /** Presses a key by its name. */
  async press(key: string): Promise<void> {
    const code = { Enter: 13, Escape: 27, ArrowDown: 40, ArrowUp: 38, Tab: 9 }[key] ?? 0;
    const text = key === "Enter" ? { text: "\r" } : {};
    for (const type of ["keyDown", "keyUp"])
      await this.send("Input.dispatchKeyEvent", {
        type,
        key,
        code: key,
        windowsVirtualKeyCode: code,
        ...text,
      });
  }

  /** Types into what has the focus. */
  async type(text: string): Promise<void> {
    await this.send("Input.insertText", { text });
  }

  /** A PNG of what is to be seen. */
  async screenshot(whole = false): Promise<Buffer> {
    const options = { format: "png", captureBeyondViewport: whole };
    const { data } = (await this.send("Page.captureScreenshot", options)) as { data: string };
    return Buffer.from(data, "base64");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = new Promise((resolve) => this.#process.once("exit", resolve));
    this.#process.kill("SIGKILL");
    await ended;
    await rm(this.#folder, { recursive: true, force: true, maxRetries: 5 });
  }
}
