/** What takes minutes: many kills, many ended threads. */
import test from "ava";
import { growthOfEndedThreads } from "./endedThreads.js";
import { killAndResume } from "./kills.js";

test.serial("a training killed a hundred times comes to the bits of one that was left alone", async (t) => {
  const { kills, killed, straight } = await killAndResume({ kills: 100, epochs: 60 });
  t.is(kills, 100);
  t.is(killed, straight);
});

test.serial("two hundred threads ended at all moments leave no memory behind", async (t) => {
  const grown = await growthOfEndedThreads(200);
  t.true(grown < 80, `grew by ${grown} MiB`);
});
