// explorations one after the other, each with the machine to itself
/* oxlint-disable eslint/no-await-in-loop */
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as Ref from "effect/Ref"
import * as Schema from "effect/Schema"
import * as Semaphore from "effect/Semaphore"

import * as Explorer from "../src/Explorer.ts"
import { run } from "./support.ts"

const small = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 2 }))

interface Line {
  readonly free: number
  readonly line: ReadonlyArray<{ readonly id: number; readonly permits: number }>
}

const untouched: Line = { free: 2, line: [] }

/** Effect's semaphore as if it were first come, first served, which it is not. */
const inOrder = (options?: Explorer.LinearizableOptions) =>
  Explorer.linearizable(
    {
      make: Semaphore.make(2),
      model: untouched,
      operations: {
        take: {
          input: small,
          run: (semaphore, permits) => Effect.asVoid(semaphore.take(permits)),
          request: ({ free, line }, permits, id) => ({ free, line: [...line, { id, permits }] }),
          respond: ({ free, line: [head, ...line] }, permits, id) =>
            head?.id === id && permits <= free ? [undefined, { free: free - permits, line }] : undefined,
          cancel: ({ free, line }, _, id) => ({ free, line: line.filter((waiter) => waiter.id !== id) })
        },
        release: {
          input: small,
          run: (semaphore, permits) => Effect.asVoid(semaphore.release(permits)),
          respond: ({ free, line }, permits) => [undefined, { free: free + permits, line }],
          interrupted: "either"
        }
      }
    },
    options
  )

interface Counting {
  readonly take: (permits: number) => Effect.Effect<unknown>
  readonly release: (permits: number) => Effect.Effect<unknown>
}

/** The same as what it is: whoever fits may go. */
const firstFit = (
  semaphore: Effect.Effect<Counting>,
  options: Explorer.LinearizableOptions = { interruption: false }
) =>
  Explorer.linearizable(
    {
      make: semaphore,
      model: 2,
      operations: {
        take: {
          input: small,
          run: (semaphore, permits) => Effect.asVoid(semaphore.take(permits)),
          respond: (free, permits) => (permits <= free ? [undefined, free - permits] : undefined)
        },
        release: {
          input: small,
          run: (semaphore, permits) => Effect.asVoid(semaphore.release(permits)),
          respond: (free, permits) => [undefined, free + permits],
          interrupted: "either"
        }
      }
    },
    options
  )

describe("linearizable", () => {
  it("explains what is atomic", async () => {
    const { histories, runs } = await run(
      Explorer.linearizable({
        make: Ref.make(0),
        model: 0,
        operations: {
          add: {
            input: Schema.Int,
            run: (ref, n) => Ref.updateAndGet(ref, (m) => m + n),
            respond: (total, n) => [total + n, total + n],
            interrupted: "either"
          },
          get: { run: Ref.get, respond: (total) => [total, total] }
        }
      })
    )
    assert.isAbove(histories, 100)
    assert.isAbove(runs, 500)
  })

  it("finds what is not, in the smallest scenario, and replays it", async () => {
    const torn = (options?: Explorer.LinearizableOptions) =>
      Explorer.linearizable(
        {
          make: Ref.make(0),
          model: 0,
          operations: {
            increment: {
              run: (ref: Ref.Ref<number>) => Effect.flatMap(Ref.get(ref), (n) => Effect.as(Ref.set(ref, n + 1), n + 1)),
              respond: (n: number) => [n + 1, n + 1],
              interrupted: "either"
            },
            get: { run: Ref.get, respond: (n) => [n, n] }
          }
        },
        options
      )
    const { message, replay } = await run(Effect.flip(torn()))
    assert.strictEqual(
      message.split("\n\n").slice(0, 4).join("\n\n"),
      `not linearizable: no order of the operations explains their answers

root.1: increment()
root.2: increment()

  root.1: increment() begins
  root.2: increment() begins
  root.2: increment() answers 1
  root.1: increment() answers 1

The longest order that fits: increment(). After it:
  increment() of root.2 answers 1, where the model answers 2`
    )
    assert.include(message, `replay: ${replay}`)
    const again = await run(Effect.flip(torn({ replay })))
    assert.strictEqual(again.replay, replay)
    assert.deepStrictEqual(again.message.split("\n\n").slice(0, 5), message.split("\n\n").slice(0, 5))
  })

  it("checks the order of a line: Effect's semaphore is not first come, first served", async () => {
    const { message } = await run(Effect.flip(inOrder({ interruption: false })))
    assert.match(message, /take\(1\) of root\.\d ends, where the model waits/)
  })

  it("and is what it says it is", async () => {
    const { histories } = await run(firstFit(Semaphore.make(2)))
    assert.isAbove(histories, 100)
  })

  it("finds a lost wake-up", async () => {
    const forgetful = Effect.sync(() => {
      let free = 2
      const waiting: Array<() => void> = []
      const take = (permits: number): Effect.Effect<void> =>
        Effect.suspend(() => {
          if (permits <= free) {
            free -= permits
            return Effect.void
          }
          return Effect.andThen(
            Effect.callback<void>((resume) => void waiting.push(() => resume(Effect.void))),
            Effect.suspend(() => take(permits))
          )
        })
      // wakes one, who may not fit
      const release = (permits: number) =>
        Effect.sync(() => {
          free += permits
          waiting.shift()?.()
          return free
        })
      return { take, release }
    })
    const { message } = await run(Effect.flip(firstFit(forgetful)))
    assert.match(message, /take\(\d\) of root\.\d waits for ever, where the model ends/)
  })

  it("finds what an interrupted operation keeps", async () => {
    const { message } = await run(Effect.flip(firstFit(Semaphore.make(2), {})))
    assert.match(message, /take\(\d\) is interrupted/)
    assert.match(message, /take\(\d\) of root\.\d waits for ever, where the model ends/)
  })

  it("a queue of Effect: elements leave in the order in which they came", async () => {
    const { histories } = await run(
      Explorer.linearizable(
        {
          make: Queue.unbounded<number>(),
          model: [] as ReadonlyArray<number>,
          operations: {
            offer: {
              input: small,
              run: (queue, n) => Queue.offer(queue, n),
              respond: (elements, n) => [true, [...elements, n]],
              interrupted: "either"
            },
            take: {
              run: (queue) => Queue.take(queue),
              respond: ([first, ...rest]) => (first === undefined ? undefined : [first, rest])
            },
            poll: {
              run: (queue) => Queue.poll(queue),
              respond: ([first, ...rest]) => (first === undefined ? [Option.none(), []] : [Option.some(first), rest])
            }
          }
        },
        { interruption: false }
      )
    )
    assert.isAbove(histories, 100)
  })

  it("a Deferred: the first to complete it decides", async () => {
    const { histories } = await run(
      Explorer.linearizable({
        make: Deferred.make<number>(),
        model: Option.none<number>(),
        operations: {
          succeed: {
            input: small,
            run: (deferred, n) => Deferred.succeed(deferred, n),
            respond: (value, n) => (Option.isSome(value) ? [false, value] : [true, Option.some(n)]),
            interrupted: "either"
          },
          await: {
            run: (deferred) => Deferred.await(deferred),
            respond: (value) => (Option.isSome(value) ? [value.value, value] : undefined)
          }
        }
      })
    )
    assert.isAbove(histories, 100)
  })

  it("what goes on only because others are interrupted in the end is no part of the history", async () => {
    const scenario = {
      make: Semaphore.make(1),
      model: 1,
      operations: {
        take: {
          run: (semaphore: Semaphore.Semaphore) => semaphore.withPermit(Effect.never),
          respond: (): undefined => undefined
        },
        look: { run: () => Effect.void, respond: (n: number) => [undefined, n] as const }
      }
    }
    const { histories } = await run(Explorer.linearizable(scenario, { interruption: false }))
    assert.isAbove(histories, 10)
  })

  it("an operation that awaits a promise is waited for", async () => {
    const answered = Effect.promise(() => Promise.resolve())
    const { histories } = await run(
      Explorer.linearizable(
        {
          make: Ref.make(0),
          model: 0,
          operations: {
            next: {
              run: (ref) =>
                Effect.andThen(
                  answered,
                  Ref.updateAndGet(ref, (n) => n + 1)
                ),
              respond: (n) => [n + 1, n + 1],
              interrupted: "either"
            }
          }
        },
        { scenarios: 10, runs: 10 }
      )
    )
    assert.isAbove(histories, 2)
  })

  it("a model that changes its state is told so", async () => {
    const impure = Explorer.linearizable({
      make: Effect.succeed("it"),
      model: { pushed: [0] },
      operations: { push: { run: () => Effect.void, respond: (state) => [void state.pushed.push(1), state] } }
    })
    const { message } = await run(Effect.flip(impure))
    assert.include(message, "the model changed the state or the input it was given")
  })

  it("what makes no sense is refused by name", async () => {
    const spec = { make: Effect.void, model: 0, operations: {} }
    assert.include(String(await Effect.runPromiseExit(Explorer.linearizable(spec))), "operations must be at least one")
    const look = { look: { run: () => Effect.void, respond: (n: number) => [undefined, n] as const } }
    const exits = ["", "op:0:", "zzz op:0:"].map((replay) =>
      Effect.runPromiseExit(Explorer.linearizable({ ...spec, operations: look }, { replay }))
    )
    for (const exit of await Promise.all(exits)) {
      assert.include(String(exit), "replay must be a replay string of linearizable, got")
    }
  })

  it("an operation that dies is no answer", async () => {
    const dies = Explorer.linearizable({
      make: Effect.succeed("it"),
      model: 0,
      operations: { break: { run: () => Effect.die(new Error("broken")), respond: (n) => [undefined, n] } }
    })
    const { message } = await run(Effect.flip(dies))
    assert.include(message, "failed: Error: break() of root.1 failed with Error: broken")
  })
})

describe("what a caller can get wrong is told plainly", () => {
  const look = { look: { run: () => Effect.void, respond: (n: number) => [undefined, n] as const } }
  const spec = { make: Effect.void as Effect.Effect<unknown, unknown>, model: 0, operations: look }
  const messageOf = async (effect: Effect.Effect<unknown, Explorer.LinearizabilityFailure>) =>
    (await run(Effect.flip(effect))).message.split("\n")[0]
  const defectOf = async (effect: Effect.Effect<unknown, unknown>) => String(await Effect.runPromiseExit(effect))

  it("which of the caller's effects failed", async () => {
    const make = Effect.fail("no connection")
    assert.strictEqual(
      await messageOf(Explorer.linearizable({ ...spec, make })),
      "failed: Error: make failed with Error: no connection"
    )
    const refuse = { refuse: { ...look.look, input: Schema.Literal(7), run: () => Effect.fail("typed") } }
    assert.strictEqual(
      await messageOf(Explorer.linearizable({ ...spec, operations: refuse })),
      "failed: Error: refuse(7) of root.1 failed with Error: typed"
    )
  })

  it("an operation that dies as it is interrupted", async () => {
    const operations = {
      wait: {
        run: () => Effect.onInterrupt(Effect.never, () => Effect.die(new Error("could not clean up"))),
        respond: (): undefined => undefined
      }
    }
    assert.strictEqual(
      await messageOf(Explorer.linearizable({ ...spec, operations })),
      "failed: Error: wait() of root.1 failed with Error: could not clean up"
    )
  })

  it("a model that throws", async () => {
    const operations = {
      look: {
        run: () => Effect.void,
        respond: (): undefined => {
          throw new Error("not a state")
        }
      }
    }
    assert.strictEqual(
      await messageOf(Explorer.linearizable({ ...spec, operations })),
      "failed: Error: the model threw Error: not a state"
    )
  })

  it("inputs that cannot be generated, or next to never", async () => {
    const withInput = (input: Schema.Codec<any, any>) =>
      Explorer.linearizable({ ...spec, operations: { look: { ...look.look, input }, other: look.look } })
    class Token {
      readonly secret = 7
    }
    assert.include(
      await defectOf(withInput(Schema.instanceOf(Token))),
      'the input of operation "look" must be a schema that values can be generated from'
    )
    const never = Schema.String.check(Schema.makeFilter((text) => text === "open sesame"))
    assert.include(await defectOf(withInput(never)), "no scenario has look: the schemas refuse nearly all")
    const only = { look: { ...look.look, input: never } }
    const options = { scenarios: 30 }
    assert.include(
      await defectOf(Explorer.linearizable({ ...spec, operations: only }, options)),
      "no scenario has look: the schemas refuse nearly all"
    )
  })

  it("a program that is not the same each time", async () => {
    let calls = 0
    const run = () => Effect.suspend(() => (++calls === 300 ? Effect.die(new Error("now")) : Effect.void))
    const operations = { look: { ...look.look, run } }
    assert.include(await defectOf(Explorer.linearizable({ ...spec, operations })), "such as Date.now, Math.random")
  })

  it("a replay string of another test", async () => {
    const tokens = ["[1]", "{}", "null", '"a"', '[1,"0.0",3,10,[99,5],"ReturnedFalse"]', "[9,9,9,9,9,9]"]
    for (const replay of [...tokens.map((token) => `${token} op:0:`), '[1,"0.0",3,1,[],"ReturnedFalse"] op:0:zz.1']) {
      assert.include(
        await defectOf(Explorer.linearizable(spec, { replay })),
        "replay must be of this test as it is now, got"
      )
    }
  })
})

describe("an input is its own in every run", () => {
  const Batch = Schema.Array(Schema.Int).check(Schema.isMinLength(1))
  const sum = (numbers: ReadonlyArray<number>) => numbers.reduce((total, n) => total + n, 0)
  const adding = (respond: (total: number, numbers: ReadonlyArray<number>) => number) =>
    Explorer.linearizable(
      {
        make: Ref.make(0),
        model: 0,
        operations: {
          add: {
            input: Batch,
            // takes them out of the array that it was given
            run: (total, numbers) =>
              Ref.updateAndGet(total, (n) => n + sum((numbers as Array<number>).splice(0, numbers.length))),
            respond: (total, numbers) => {
              const after = respond(total, numbers)
              return [after, after]
            },
            interrupted: "either"
          }
        }
      },
      { scenarios: 20, runs: 20 }
    )

  it("an operation may change it: the next run and the model have what was generated", async () => {
    const { histories } = await run(adding((total, numbers) => total + sum(numbers)))
    assert.isAbove(histories, 20)
  })

  it("a model that changes it is told so", async () => {
    const { message } = await run(
      Effect.flip(adding((total, numbers) => total + sum((numbers as Array<number>).splice(0, numbers.length))))
    )
    assert.include(message, "the model changed the state or the input it was given")
  })
})
