import { gather, step } from "../../lib/native/autograd.js";
import { dimension, type Line, randomTable } from "./lines.js";
import { plainGather } from "./plain.js";
import { duration, medianSeconds } from "./timing.js";

/** Random rows of a table. */
export async function gatherLine(rows: number): Promise<Line> {
  using parameter = randomTable("table", rows);
  const table = parameter.read();
  const count = 12_800;
  const wanted = Int32Array.from({ length: count }, (_, i) =>
    Number((BigInt(i) * 2654435761n) % BigInt(rows)),
  );
  const out = new Float32Array(count * dimension);
  const times = await medianSeconds({
    ours: () => step(() => gather(parameter, wanted)),
    plain: () => plainGather(table, dimension, wanted, out),
  });
  return {
    what: `gather 12,800 of ${rows.toLocaleString("en")} rows x 64`,
    ours: duration(times.ours),
    plain: duration(times.plain),
    ratio: `${(times.plain / times.ours).toFixed(1)}x`,
    limit: `${((times.ours / count) * 1e9).toFixed(0)} ns a row`,
  };
}
