import test from "ava";
import { survives } from "./kills.js";

test("a writer killed at any point loses nothing, 100 times over", (t) => survives(t, 100));
