import { Agent, request } from "node:http";

/** One request whose answer was waited for. */
export interface Answered {
  /** From when it should have been sent, in milliseconds. */
  readonly milliseconds: number;
  /** Whether the language model had a part in the answer. */
  readonly refined: boolean;
}

/** What became of requests sent at a fixed rate, whatever the answers to those before them. */
export interface OpenLoad {
  readonly offered: number;
  readonly lost: number;
  readonly answered: readonly Answered[];
}

/**
 * Sends bodies to `/recommend` at a fixed rate for some seconds: the next one does not wait for the one before, and the time
 * of each counts from when it was due.
 */
export async function openLoad(
  port: number,
  { perSecond, seconds, body }: { perSecond: number; seconds: number; body: (n: number) => string },
): Promise<OpenLoad> {
  const agent = new Agent({ keepAlive: true, maxSockets: 256 });
  const answered: Answered[] = [];
  const pending: Promise<void>[] = [];
  let lost = 0;
  const offered = Math.round(perSecond * seconds);
  const begin = performance.now();
  for (let n = 0; n < offered; n++) {
    const due = begin + (1000 * n) / perSecond;
    const wait = due - performance.now();
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    pending.push(
      post(port, agent, body(n)).then(
        (text) => {
          const refined = JSON.parse(text).notRefined === null;
          answered.push({ milliseconds: performance.now() - due, refined });
        },
        () => {
          lost++;
        },
      ),
    );
  }
  await Promise.all(pending);
  agent.destroy();
  return { offered, lost, answered };
}

/** As many answers as so many callers, each of whom asks again once it has its answer, get in some seconds. */
export async function closedLoad(
  port: number,
  { callers, seconds, body }: { callers: number; seconds: number; body: (n: number) => string },
): Promise<OpenLoad> {
  const agent = new Agent({ keepAlive: true, maxSockets: callers });
  const answered: Answered[] = [];
  let offered = 0;
  let lost = 0;
  const end = performance.now() + 1000 * seconds;
  const caller = async (): Promise<void> => {
    while (performance.now() < end) {
      const begin = performance.now();
      try {
        const { notRefined } = JSON.parse(await post(port, agent, body(offered++)));
        answered.push({ milliseconds: performance.now() - begin, refined: notRefined === null });
      } catch {
        lost++;
      }
    }
  };
  await Promise.all(Array.from({ length: callers }, caller));
  agent.destroy();
  return { offered, lost, answered };
}

function post(port: number, agent: Agent, body: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(body) };
    const sent = request({ host: "127.0.0.1", port, path: "/recommend", method: "POST", agent, headers });
    sent.on("response", (response) => {
      const parts: Buffer[] = [];
      response.on("data", (part: Buffer) => parts.push(part));
      response.on("error", reject);
      response.on("end", () => {
        const text = Buffer.concat(parts).toString();
        if (response.statusCode === 200) resolve(text);
        else reject(new Error(`${response.statusCode}: ${text}`));
      });
    });
    sent.on("error", reject);
    sent.end(body);
  });
}

/** The value below which a share of some numbers lies. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}
