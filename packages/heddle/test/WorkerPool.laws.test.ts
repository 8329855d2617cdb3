/** The engine on fibers keeps to the laws: however it distributes tasks, and in every order that the explorer affords. */
import { describe } from "@effect/vitest"
import { it } from "@heddle/testing/vitest"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"

import * as WorkerPool from "../src/WorkerPool.ts"
import * as WorkerPoolLaws from "../src/WorkerPoolLaws.ts"

type Pools = WorkerPoolLaws.Subject["make"]
type Handle = (task: WorkerPoolLaws.Task) => Effect.Effect<number, WorkerPoolLaws.Rejected>

const state = Effect.acquireRelease(Effect.yieldNow, () => Effect.yieldNow)

const engines: Readonly<Record<string, (handle: Handle) => Pools>> = {
  shared: (handle) => (options) => WorkerPool.make({ ...options, handle }),
  keyed: (handle) => (options) => WorkerPool.make({ ...options, handle, distribute: { keyed: ({ id }) => id } }),
  stealing: (handle) => (options) => WorkerPool.make({ ...options, handle, distribute: "stealing" }),
  stateful: (handle) => (options) => WorkerPool.make({ ...options, handle, init: state }),
  "at home": (handle) => (options) =>
    WorkerPool.make({ ...options, handle, init: state, distribute: { keyed: ({ id }) => id % options.workers } }),
  named: (handle) => (options) => WorkerPool.make({ ...options, handle, name: "laws", retry: Schedule.recurs(0) })
}

for (const [name, pools] of Object.entries(engines)) {
  const subject = Effect.map(WorkerPoolLaws.makeWorld, (world) => ({ world, make: pools(world.handle) }))
  // virtual time passes when nothing can run any more
  const explored = Effect.map(subject, ({ make, world }) => ({ world: { ...world, settle: Effect.sleep(1) }, make }))
  const explorable = WorkerPoolLaws.laws(explored)

  describe(name, () => {
    for (const [index, { check, name }] of WorkerPoolLaws.laws(subject).entries()) {
      it.effect(name, () => check)
      // ten thousand tasks are many steps, and few orders
      if (!name.startsWith("ten thousand")) {
        it.explore(`${name}, explored`, explorable[index]!.check, { runs: 30, millis: 60 })
      }
    }
  })
}
