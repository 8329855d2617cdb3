import * as Effect from "effect/Effect"
import * as Ref from "effect/Ref"

import * as Explorer from "../../src/Explorer.ts"
import { claim, type Exhibit } from "./exhibit.ts"

type Slot = "a" | "b"

/** The head of a list of free slots, with the number of times that it has changed. */
interface Head {
  readonly top: Slot | undefined
  readonly version: number
}

const program = (unchanged: (now: Head, seen: Head) => boolean) =>
  Effect.gen(function* () {
    const head = yield* Ref.make<Head>({ top: "a", version: 0 })
    const below = new Map<Slot, Slot | undefined>([["a", "b"]])
    const compareAndSet = (seen: Head, top: Slot | undefined) =>
      Ref.modify(head, (now) => (unchanged(now, seen) ? [true, { top, version: now.version + 1 }] : [false, now]))

    const take: Effect.Effect<Slot | undefined> = Effect.gen(function* () {
      const seen = yield* Ref.get(head)
      if (seen.top === undefined) return undefined
      const next = below.get(seen.top)
      yield* Explorer.step(`take ${seen.top}, leave ${next ?? "nothing"}`)
      return (yield* compareAndSet(seen, next)) ? seen.top : yield* take
    })
    const give = Effect.fnUntraced(function* (slot: Slot): Effect.fn.Return<void> {
      const seen = yield* Ref.get(head)
      below.set(slot, seen.top)
      yield* Explorer.step(`give ${slot}`)
      if (!(yield* compareAndSet(seen, slot))) yield* give(slot)
    })
    const takeBothGiveOne = Effect.gen(function* () {
      const [first, second] = [yield* take, yield* take]
      if (first !== undefined) yield* give(first)
      return second
    })

    const inUse = yield* Effect.all([take, takeBothGiveOne], { concurrency: "unbounded" })
    const { top } = yield* Ref.get(head)
    yield* claim(top === undefined || !inUse.includes(top), `${top} is free, and in use`)
  })

export const abaOnARef: Exhibit = {
  bug: "Compare-and-set finds the slot on top that it saw there, but what is below it has been taken in between.",
  broken: program((now, seen) => now.top === seen.top),
  mended: program((now, seen) => now.version === seen.version),
  verdict: "Failed",
  weakestMode: "op3"
}
