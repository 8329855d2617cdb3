import * as Effect from "effect/Effect"
import * as TxRef from "effect/TxRef"

import * as Explorer from "../../src/Explorer.ts"
import { claim, type Exhibit } from "./exhibit.ts"

const program = (transaction: (body: Effect.Effect<void>) => Effect.Effect<void>) =>
  Effect.gen(function* () {
    const [alice, bob] = [yield* TxRef.make(true), yield* TxRef.make(true)]
    const goHome = (me: TxRef.TxRef<boolean>, other: TxRef.TxRef<boolean>) =>
      transaction(
        Effect.gen(function* () {
          yield* Explorer.step("check")
          if (!(yield* TxRef.get(other))) return
          yield* Explorer.step("go home")
          yield* TxRef.set(me, false)
        })
      )
    yield* Effect.all([goHome(alice, bob), goHome(bob, alice)], { concurrency: "unbounded" })
    yield* claim((yield* TxRef.get(alice)) || (yield* TxRef.get(bob)), "nobody is on call")
  })

export const writeSkew: Exhibit = {
  bug: "Two doctors go home, each because the other is still there: they read both and write one each.",
  broken: program((body) => body),
  mended: program(Effect.tx),
  verdict: "Failed",
  weakestMode: "op3"
}
