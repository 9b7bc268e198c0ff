/** What Adam keeps for a parameter can be taken out and put back, so that training goes on with the same bits. */
import test from "ava";
import { backward, bprLoss, gather, rowDot, step } from "../../lib/native/autograd.js";
import { Adam } from "../../lib/native/optimizer.js";
import { Parameter } from "../../lib/native/parameter.js";
import { raises } from "./raises.js";

const tables = (): [users: Parameter, items: Parameter] => [
  new Parameter("users", 5, 3).fillXavier(1, 0),
  new Parameter("items", 7, 3).fillXavier(1, 1),
];

/** One step that touches some rows, others the next time. */
function learn([users, items]: readonly Parameter[], optimizer: Adam, number: number): void {
  step(() => {
    const user = gather(users, [number % 5, (number * 2) % 5]);
    const score = (shift: number) =>
      rowDot(user, gather(items, [(number + shift) % 7, (number * 3 + shift) % 7]));
    backward(bprLoss(score(0), score(1)));
    optimizer.apply();
  });
}

test("a parameter without an optimizer has no state; with one it has zeros, then counts", (t) => {
  const parameters = tables();
  const [users] = parameters;
  t.is(users.readState(), null);
  using optimizer = new Adam(parameters);
  t.deepEqual(users.readState(), {
    first: new Float32Array(15),
    second: new Float32Array(15),
    rowSteps: new Int32Array(5),
    steps: 0,
  });
  learn(parameters, optimizer, 1);
  const state = users.readState();
  t.deepEqual([...(state?.rowSteps ?? [])], [0, 1, 1, 0, 0]);
  t.is(state?.steps, 1);
  t.true(state?.second.every((value, index) => value > 0 === (index >= 3 && index < 9)));
});

test("values and state moved to new parameters go on with the same bits, whichever comes first", (t) => {
  for (const adamFirst of [true, false]) {
    const straight = tables();
    using whole = new Adam(straight, { learningRate: 0.1 });
    for (let number = 0; number < 4; number++) learn(straight, whole, number);

    const moved = tables();
    const restore = (): void => {
      for (const [index, parameter] of moved.entries()) {
        parameter.write(straight[index].read());
        const state = straight[index].readState();
        if (state !== null) parameter.writeState(state);
      }
    };
    if (!adamFirst) restore();
    using rest = new Adam(moved, { learningRate: 0.1 });
    if (adamFirst) restore();
    for (let number = 4; number < 9; number++) {
      learn(straight, whole, number);
      learn(moved, rest, number);
    }
    for (const [index, parameter] of moved.entries()) {
      t.deepEqual(parameter.read(), straight[index].read());
      t.deepEqual(parameter.readState(), straight[index].readState());
    }
  }
});

test("a state that cannot be is refused and changes nothing", (t) => {
  const parameters = tables();
  using optimizer = new Adam(parameters);
  learn(parameters, optimizer, 1);
  const [users] = parameters;
  const state = users.readState();
  if (state === null) return t.fail();
  for (const [change, message] of [
    [{ first: new Float32Array(14) }, /first, second: expected 15/],
    [{ second: new Float32Array(16) }, /first, second: expected 15/],
    [{ rowSteps: new Int32Array(4) }, /rowSteps: expected 5/],
    [{ first: new Float32Array(15).fill(Number.NaN) }, /first: expected finite/],
    [{ second: new Float32Array(15).fill(Number.POSITIVE_INFINITY) }, /second: expected finite/],
    [{ second: new Float32Array(15).fill(-1) }, /second: expected finite numbers of 0 or more/],
    [{ rowSteps: Int32Array.of(0, 0, -1, 0, 0) }, /rowSteps: expected 0\.\.1/],
    [{ rowSteps: Int32Array.of(0, 0, 2, 0, 0) }, /rowSteps: expected 0\.\.1/],
    [{ steps: 2 ** 31 }, /steps: expected an integer/],
    [{ steps: -1 }, /steps: expected an integer/],
  ] as const)
    raises(t, () => users.writeState({ ...state, ...change }), "E_ARGUMENT", message);
  t.deepEqual(users.readState(), state);
});
