import { gzipSync } from "node:zlib";
import test from "ava";
import { openDataset, type ReadProgress, readTable, resolveDataFolder } from "../../lib/data/index.js";
import { fileOf, folderOf } from "./temporary.js";

test("a CSV file with the usual column names needs no options", async (t) => {
  const file = fileOf(t, "orders.csv", "user,item,rating,timestamp\n7,b,4.5,100\n3,a,1,50\n");
  const dataset = await openDataset({ data: file });
  t.deepEqual(dataset.describe(), { name: "orders", users: 2, items: 2, interactions: 2, ordered: true });
  t.deepEqual([...dataset.users], [3, 7]);
  t.deepEqual([...dataset.items], ["a", "b"]);
  t.deepEqual(dataset.interactions.ratings, Float32Array.of(4.5, 1));
  t.deepEqual(dataset.interactions.timestamps, Float64Array.of(100, 50));
  t.is(dataset.likeThreshold, null);
});

test("columns may be named otherwise and stand anywhere; rating and time may be missing", async (t) => {
  const file = fileOf(t, "orders.tsv", "sku\tnote\tcustomer\nx\t-\tanna\n");
  const dataset = await openDataset({ data: file, columns: { user: "customer", item: "sku" } });
  t.deepEqual([...dataset.users], ["anna"]);
  t.deepEqual(dataset.interactions.ratings, Float32Array.of(1));
  t.is(dataset.interactions.timestamps, null);
});

test("gzip, CRLF, a byte order mark, empty lines and a missing last line end change nothing", async (t) => {
  const plain = await readTable(fileOf(t, "a.csv", "user,item\n1,2\n3,4\n"));
  const dressed = "\ufeffuser,item\r\n\r\n1,2\r\n3,4";
  const packed = await readTable(fileOf(t, "a.csv.gz", gzipSync(dressed)));
  t.is(packed.digest, plain.digest);
  t.is(packed.name, "a");
});

test("fields may be quoted, hold delimiters, quotes and line ends", async (t) => {
  const file = fileOf(t, "a.csv", 'user,item\n"a,b","say ""hi"""\n"two\r\nlines",""""\n"","x"\n');
  const error = await t.throwsAsync(readTable(file), { code: "E_ROW" });
  t.regex(error?.message ?? "", /a\.csv:5: user: expected an id, got ""/);
  const good = await readTable(fileOf(t, "a.csv", 'user,item\n"a,b","say ""hi"""\n"two\r\nlines",""""\n'));
  t.deepEqual([...good.users], ["a,b", "two\nlines"]);
  t.deepEqual([...good.items], ['"', 'say "hi"']);
});

test("latin-1 is read when asked for; other bytes are an error, not a wrong letter", async (t) => {
  const bytes = Buffer.from("user,item\nJosé,x\n", "latin1");
  const dataset = await readTable(fileOf(t, "a.csv", bytes), { encoding: "latin1" });
  t.deepEqual([...dataset.users], ["José"]);
  await t.throwsAsync(readTable(fileOf(t, "a.csv", bytes)), { code: "E_FILE", message: /UTF-8.*latin1/ });
});

test("a letter cut in two by a block of the file stays whole", async (t) => {
  const rows = Array.from({ length: 60_000 }, (_, row) => `${"é".repeat(1 + (row % 3))}${row},x`);
  const dataset = await readTable(fileOf(t, "a.csv", `user,item\n${rows.join("\n")}\n`));
  t.is(dataset.users.size, rows.length);
  t.true(rows.every((row) => dataset.users.indexOf(row.slice(0, -2)) >= 0));
});

test("an item table gives titles and attributes, and belongs to the catalogue", async (t) => {
  const folder = folderOf(t, {
    "log.csv": "user,item\nu,1\nu,3\n",
    "items.tsv": "sku\tbrand\tname\n2\tAcme\tTwo\n1\tBest\tOne\n",
  });
  const items = { file: `${folder}/items.tsv`, columns: { id: "sku", title: "name" } };
  const dataset = await openDataset({ data: `${folder}/log.csv`, items });
  t.deepEqual([...dataset.items], [1, 2, 3]);
  t.deepEqual(dataset.titles, ["One", "Two", "Item 3"]);
  t.deepEqual(dataset.itemAttributes, { brand: ["Best", "Acme", ""] });
});

test("a missing column is named, and so are the columns there are", async (t) => {
  const file = fileOf(t, "a.csv", "user,product\n1,2\n");
  await t.throwsAsync(readTable(file), { code: "E_COLUMN", message: /"item", got "user", "product"/ });
  await t.throwsAsync(readTable(file, { columns: { item: "product", rating: "stars" } }), {
    code: "E_COLUMN",
    message: /"stars", got/,
  });
  await t.throwsAsync(readTable(fileOf(t, "b.csv", "user,item,item\n")), { code: "E_COLUMN" });
});

const badRows = [
  ["1,2,x,0", /a\.csv:4: rating: expected a finite number, got "x"/],
  ["1,2,NaN,0", /a\.csv:4: rating: expected a finite number, got "NaN"/],
  ["1,2,,0", /a\.csv:4: rating: expected a finite number, got ""/],
  ["1,2,1e39,0", /a\.csv:4: rating: expected a finite 32-bit number, got "1e39"/],
  ["1,2,1,Infinity", /a\.csv:4: timestamp: expected a finite number, got "Infinity"/],
  ["1,2,1,2020-01-01", /a\.csv:4: timestamp: expected a finite number, got "2020-01-01"/],
  ["1,2,1,0x10", /a\.csv:4: timestamp: expected a finite number, got "0x10"/],
  ["1,,1,0", /a\.csv:4: item: expected an id, got ""/],
  ["1,2,1", /a\.csv:4: expected 4 fields separated by ",", got 3/],
  ['1,"2"x,1,0', /a\.csv:4: expected a delimiter after a closing quote/],
  ['1,"2,1,0', /a\.csv:4: expected a closing quote, got the end of the file/],
] as const;

for (const [row, message] of badRows)
  test(`the bad row ${row} is named by file and line`, async (t) => {
    const file = fileOf(t, "a.csv", `user,item,rating,timestamp\n1,"a\nb",1,0\n${row}\n`);
    await t.throwsAsync(readTable(file), { code: "E_ROW", message });
  });

test("a quote that never closes is found before the whole file is in memory", async (t) => {
  const file = fileOf(t, "a.csv", `user,item\n1,"2\n${"3,4\n".repeat(400_000)}`);
  await t.throwsAsync(readTable(file), {
    code: "E_ROW",
    message: /a\.csv:2: expected a closing quote within/,
  });
});

test("an item listed twice is an error", async (t) => {
  const folder = folderOf(t, { "a.csv": "user,item\n1,2\n", "i.csv": "id,title\n2,x\n2,y\n" });
  await t.throwsAsync(openDataset({ data: `${folder}/a.csv`, items: { file: `${folder}/i.csv` } }), {
    code: "E_ROW",
    message: /i\.csv:3: id: .*got "2"/,
  });
});

test("an empty table, a header alone and a missing file are told apart", async (t) => {
  await t.throwsAsync(readTable(fileOf(t, "a.csv", "")), { code: "E_FILE", message: /an empty file/ });
  await t.throwsAsync(readTable(fileOf(t, "a.csv", "user,item\n")), {
    code: "E_FILE",
    message: /only a header/,
  });
  await t.throwsAsync(readTable("/no/such.csv"), { code: "E_FILE", message: /^\/no\/such\.csv: .*ENOENT/ });
  await t.throwsAsync(openDataset({ data: "/no/such.csv" }), {
    code: "E_FILE",
    message: /^\/no\/such\.csv: .*no such path/,
  });
});

test("a file that is no gzip, or is cut short, is an error of the file", async (t) => {
  const whole = gzipSync(`user,item\n${"1,2\n".repeat(1000)}`);
  for (const bytes of [Buffer.from("user,item\n1,2\n"), whole.subarray(0, whole.length - 9)])
    await t.throwsAsync(readTable(fileOf(t, "a.csv.gz", bytes)), { code: "E_FILE", message: /a\.csv\.gz: / });
});

test("a delimiter that cannot be told from the name must be given", async (t) => {
  const file = fileOf(t, "a.txt", "user;item\n1;2\n");
  await t.throwsAsync(readTable(file), { code: "E_ARGUMENT", message: /^delimiter: .*a\.txt/ });
  t.is((await readTable(file, { delimiter: ";" })).items.size, 1);
});

test("progress grows to the whole file", async (t) => {
  const file = fileOf(t, "a.csv", `user,item\n${"1234567,2345678\n".repeat(50_000)}`);
  const steps: ReadProgress[] = [];
  await readTable(file, { onProgress: (step) => steps.push(step) });
  t.true(steps.length > 2);
  t.true(steps.every((step, at) => at === 0 || step.rows >= steps[at - 1].rows));
  const last = steps[steps.length - 1];
  t.deepEqual(last, { file, rows: 50_000, bytesRead: last.bytesTotal, bytesTotal: 50_000 * 16 + 10 });
});

test("a signal stops the reading, before it starts or in its midst", async (t) => {
  const file = fileOf(t, "a.csv", `user,item\n${"1234567,2345678\n".repeat(100_000)}`);
  const stopped = AbortSignal.abort(new Error("not at all"));
  await t.throwsAsync(readTable(file, { signal: stopped }), { message: "not at all" });
  const controller = new AbortController();
  let rows = 0;
  const reading = readTable(file, {
    signal: controller.signal,
    onProgress: (step) => {
      rows = step.rows;
      controller.abort(new Error("enough"));
    },
  });
  await t.throwsAsync(reading, { message: "enough" });
  t.true(rows < 100_000);
});

test.serial("the data folder is the parameter, else the environment's, else ./data", (t) => {
  const before = process.env.LLAMA4REC_DATA;
  t.teardown(() => {
    if (before === undefined) delete process.env.LLAMA4REC_DATA;
    else process.env.LLAMA4REC_DATA = before;
  });
  process.env.LLAMA4REC_DATA = "/from/environment";
  t.is(resolveDataFolder("/given"), "/given");
  t.is(resolveDataFolder(), "/from/environment");
  delete process.env.LLAMA4REC_DATA;
  t.is(resolveDataFolder(), "./data");
});
