/** Who waits for acknowledgements, and for how long. */
import { assert, describe, it } from "@effect/vitest"
import type * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { Scheduler } from "effect/Scheduler"

import { Ledger } from "../src/internal/pipeline/ledger.ts"
import { settle, start } from "./support/pipeline.ts"

/** Each element is acknowledged, or reported, when its gate is opened. */
const gated = Effect.gen(function* () {
  const gates = [
    yield* Deferred.make<void, string>(),
    yield* Deferred.make<void, string>(),
    yield* Deferred.make<void, string>()
  ] as const
  const written: Array<number> = []
  const write = (n: number) =>
    Effect.suspend(() => {
      written.push(n)
      return Deferred.await(gates[n as 0 | 1 | 2])
    })
  const ledger = new Ledger<number, string, never>(
    {
      acknowledge: (elements) => Effect.forEach(elements, write),
      fail: (element, _cause: Cause.Cause<unknown>) => write(element),
      maxPending: 1
    },
    yield* Effect.context(),
    yield* Scheduler
  )
  return { gates, ledger, written }
})

const boom = { reasons: [] } as unknown as Cause.Cause<unknown>

describe("the ledger", () => {
  it.effect("has room as soon as the next group is being written", () =>
    Effect.gen(function* () {
      const { gates, ledger } = yield* gated
      ledger.settled(0)
      ledger.settled(1)
      const room = yield* start(ledger.room)
      yield* settle
      assert.isUndefined(room.pollUnsafe())
      yield* Deferred.succeed(gates[0], undefined)
      yield* settle
      assert.isDefined(room.pollUnsafe())
      yield* Deferred.succeed(gates[1], undefined)
      yield* ledger.balanced
    })
  )

  it.effect("writes nothing more once an acknowledgement has failed, and keeps the first failure", () =>
    Effect.gen(function* () {
      const { gates, ledger, written } = yield* gated
      ledger.settled(0)
      ledger.failed(1, boom)
      yield* Deferred.fail(gates[0], "first")
      yield* Deferred.fail(gates[1], "second")
      yield* settle
      ledger.settled(2)
      assert.strictEqual(yield* Effect.flip(ledger.balanced), "first")
      assert.strictEqual(yield* Effect.flip(ledger.broken), "first")
      yield* ledger.close
      assert.deepStrictEqual(written, [0, 1])
    })
  )

  it.effect("is balanced, and closes, when what has failed is reported too", () =>
    Effect.gen(function* () {
      const { gates, ledger } = yield* gated
      ledger.failed(0, boom)
      const waits = [yield* start(ledger.balanced), yield* start(ledger.close)]
      yield* settle
      for (const wait of waits) assert.isUndefined(wait.pollUnsafe())
      yield* Deferred.succeed(gates[0], undefined)
      yield* Effect.forEach(waits, Fiber.join)
    })
  )

  it.effect("closes when nothing is being written any more, whatever is settled as it wakes", () =>
    Effect.gen(function* () {
      const { gates, ledger } = yield* gated
      ledger.settled(0)
      const closing = yield* start(ledger.close)
      yield* settle
      Deferred.doneUnsafe(gates[0], Effect.void)
      ledger.settled(1)
      yield* settle
      assert.isUndefined(closing.pollUnsafe())
      yield* Deferred.succeed(gates[1], undefined)
      yield* Fiber.join(closing)
    })
  )

  it.effect("forgets who does not wait any more: a run waits for a failure with every chunk", () =>
    Effect.gen(function* () {
      const { ledger } = yield* gated
      const waiting = yield* start(ledger.broken)
      yield* settle
      yield* Fiber.interrupt(waiting)
      assert.deepStrictEqual(Reflect.get(ledger, "waiters"), [])
    })
  )
})
