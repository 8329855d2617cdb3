import * as Console from "effect/Console"
import * as Effect from "effect/Effect"

/** Runs an example by itself and prints its lines. */
export const printed = <E>(program: Effect.Effect<ReadonlyArray<string>, E>): Promise<void> =>
  Effect.runPromise(Effect.flatMap(program, (lines) => Console.log(lines.join("\n"))))
