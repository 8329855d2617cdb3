/** A group against a model that is small enough to be read: who runs, who waits, and what a failure does to both. */
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"

import * as ErrorGroup from "../src/ErrorGroup.ts"
import { reasonsOf, settle, start } from "./support/group.ts"

const { collectAll, failFast, go, goIfAvailable, make, setConcurrency, stats, wait } = ErrorGroup

class Model {
  limit: number
  readonly collects: boolean
  running: Array<number> = []
  line: Array<number> = []
  succeeded = 0
  failures: Array<number> = []
  interrupted = 0
  skipped = 0

  constructor(limit: number, collects: boolean) {
    this.limit = limit
    this.collects = collects
  }
  get stopped() {
    return !this.collects && this.failures.length > 0
  }
  get hasRoom() {
    return !this.stopped && this.line.length === 0 && this.running.length < this.limit
  }
  serve() {
    while (this.line.length > 0 && this.running.length < this.limit) this.running.push(this.line.shift()!)
  }
  submit(id: number) {
    if (this.stopped) this.skipped++
    else this.line.push(id)
    this.serve()
  }
  end(id: number, failed: boolean) {
    this.running = this.running.filter((one) => one !== id)
    if (!failed) this.succeeded++
    else {
      this.failures = [...this.failures, id].toSorted((a, b) => a - b)
      if (!this.collects) {
        this.interrupted += this.running.length
        this.skipped += this.line.length
        this.running = this.line = []
      }
    }
    this.serve()
  }
}

const Step = Schema.Struct({ what: Schema.Int, who: Schema.Int })

const pick = <A>(from: ReadonlyArray<A>, who: number): A | undefined => from[Math.abs(who) % Math.max(1, from.length)]

describe("ErrorGroup against its model", () => {
  for (const policy of [failFast, collectAll()]) {
    it.effect.prop(
      `random programs of submissions, ends, interruptions and limits (${policy._tag})`,
      [Schema.Array(Step), Schema.Int],
      ([program, limit]) =>
        Effect.gen(function* () {
          const model = new Model(1 + (Math.abs(limit) % 3), policy._tag === "collectAll")
          const group = yield* make<number>({ concurrency: model.limit, policy })
          const gates = new Map<number, Deferred.Deferred<void, number>>()
          const submitters = new Map<number, Fiber.Fiber<void>>()
          let ids = 0
          const next = Effect.gen(function* () {
            const id = ids++
            const gate = yield* Deferred.make<void, number>()
            gates.set(id, gate)
            return { id, task: Deferred.await(gate) }
          })
          for (const { what, who } of program) {
            switch (Math.abs(what) % 7) {
              case 0:
              case 1: {
                const { id, task } = yield* next
                submitters.set(id, yield* start(go(group, task)))
                model.submit(id)
                break
              }
              case 2: {
                const { id, task } = yield* next
                assert.strictEqual(yield* goIfAvailable(group, task), model.hasRoom)
                if (model.hasRoom) model.submit(id)
                break
              }
              case 3:
              case 4: {
                const id = pick(model.running, who)
                if (id === undefined) break
                const fails = Math.abs(what) % 7 === 4
                yield* fails ? Deferred.fail(gates.get(id)!, id) : Deferred.succeed(gates.get(id)!, undefined)
                model.end(id, fails)
                break
              }
              case 5: {
                const id = pick(model.line, who)
                if (id === undefined) break
                yield* Fiber.interrupt(submitters.get(id)!)
                model.line = model.line.filter((one) => one !== id)
                break
              }
              default:
                model.limit = Math.abs(who) % 4
                yield* setConcurrency(group, model.limit)
                model.serve()
            }
            yield* settle
            const { failed, interrupted, running, skipped, submitted, succeeded, waiting } = yield* stats(group)
            const { failures, line } = model
            assert.deepStrictEqual(
              { running, waiting, succeeded, failed, interrupted, skipped },
              {
                running: model.running.length,
                waiting: line.length,
                succeeded: model.succeeded,
                failed: failures.length,
                interrupted: model.interrupted,
                skipped: model.skipped
              }
            )
            assert.strictEqual(submitted, running + waiting + succeeded + failed + interrupted + skipped)
          }
          yield* setConcurrency(group, "unbounded")
          for (const gate of gates.values()) yield* Deferred.succeed(gate, undefined)
          const exit = yield* Effect.exit(wait(group))
          const expected = model.failures.length === 0 ? ["succeeded"] : model.failures
          assert.deepStrictEqual(reasonsOf(exit), expected)
          assert.isTrue(Exit.isSuccess(exit) || model.failures.length > 0)
        }).pipe(Effect.scoped),
      { arbitrary: { runs: 150, size: 60 } }
    )
  }
})
