import * as Effect from "effect/Effect"
import * as Ref from "effect/Ref"
import * as Semaphore from "effect/Semaphore"

import * as Explorer from "../../src/Explorer.ts"
import { claim, type Exhibit } from "./exhibit.ts"

type Settings = Map<string, string>
type Instance = Ref.Ref<Settings | undefined>

const load = (settings: Settings) =>
  Effect.andThen(
    Explorer.step("load"),
    Effect.sync(() => void settings.set("url", "https://example.org"))
  )

const publish = (instance: Instance, settings: Settings) =>
  Effect.andThen(Explorer.step("publish"), Ref.set(instance, settings))

const program = (fill: (instance: Instance, made: Settings) => Effect.Effect<void>) =>
  Effect.gen(function* () {
    const instance: Instance = yield* Ref.make<Settings | undefined>(undefined)
    const lock = yield* Semaphore.make(1)
    const initialise = Effect.gen(function* () {
      const again = yield* Ref.get(instance)
      if (again !== undefined) return again
      const made: Settings = new Map()
      yield* fill(instance, made)
      return made
    })
    const use = Effect.gen(function* () {
      yield* Explorer.step("check")
      const settings = (yield* Ref.get(instance)) ?? (yield* lock.withPermit(initialise))
      yield* claim(settings.has("url"), "the settings are empty")
    })
    yield* Effect.all([use, use], { concurrency: "unbounded" })
  })

export const doubleCheckedInit: Exhibit = {
  bug: "The instance is published before it is filled, and the check outside of the lock finds it empty.",
  broken: program((instance, made) => Effect.andThen(publish(instance, made), load(made))),
  mended: program((instance, made) => Effect.andThen(load(made), publish(instance, made))),
  verdict: "Failed",
  weakestMode: "op3"
}
