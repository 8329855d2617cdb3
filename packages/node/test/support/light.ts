/** Tasks of the tests that need nothing of Effect, so that their threads start in a fraction of the time. */
import * as ThreadTask from "../../src/ThreadTask.ts"
import { set } from "./words.ts"

export const here = import.meta.url

export const identity = ThreadTask.define(here, "identity", { run: (value: unknown) => value })

export const double = ThreadTask.define(here, "double", { run: (n: number) => 2 * n })

/** Under a name that is not its own. */
export { double as alias }

/** Computes for so many milliseconds, and looks whether it has to stop. */
export const spin = ThreadTask.define(here, "spin", {
  run: (millis: number) => {
    const end = performance.now() + millis
    while (performance.now() < end && !ThreadTask.interrupted());
    return ThreadTask.interrupted() ? "stopped" : "done"
  }
})

/** Computes until as many have begun as are told, which takes as many threads; gives up where they do not come. */
export const meet = ThreadTask.define(here, "meet", {
  run: ({ of, words }: { readonly of: number; readonly words: Int32Array }) => {
    Atomics.add(words, 0, 1)
    const end = performance.now() + 20_000
    while (Atomics.load(words, 0) < of && performance.now() < end);
    return Atomics.load(words, 0) >= of
  }
})

/** Says that it has begun, and computes until it is told to stop, in one of three ways. */
export const watchful = ThreadTask.define(here, "watchful", {
  run: ({ how, words }: { readonly how: "interrupted" | "aborted" | "throwIfAborted"; readonly words: Int32Array }) => {
    const signal = ThreadTask.signal()
    set(words, 0)
    if (how === "interrupted") while (!ThreadTask.interrupted());
    else if (how === "aborted") while (!signal.aborted);
    else for (;;) signal.throwIfAborted()
    return "it was told to stop"
  }
})

/** Waits for the signal's event, which the event loop has to bring. */
export const listening = ThreadTask.define(here, "listening", {
  run: (words: Int32Array) =>
    new Promise<string>((resolve) => {
      const signal = ThreadTask.signal()
      signal.addEventListener("abort", () => {
        set(words, 1)
        resolve(signal.reason.name)
      })
      set(words, 0)
    })
})

/** Computes without a look, until somebody sets the second word. */
export const deaf = ThreadTask.define(here, "deaf", {
  run: (words: Int32Array) => {
    set(words, 0)
    while (Atomics.load(words, 1) === 0);
    return "done"
  }
})

export const die = ThreadTask.define(here, "die", {
  run: (message: string): number => {
    throw new TypeError(message)
  }
})

export const exit = ThreadTask.define(here, "exit", { run: (code: number): number => process.exit(code) })

export const gobble = ThreadTask.define(here, "gobble", {
  run: (size: number): number => {
    const kept: Array<unknown> = []
    for (;;) kept.push(Array.from({ length: size }, (_, index) => ({ index })))
  }
})

export const reject = ThreadTask.define(here, "reject", {
  run: (reason: string) => {
    void Promise.reject(new Error(reason))
    return new Promise<number>(() => {})
  }
})

export const promised = ThreadTask.define(here, "promised", { run: async (n: number) => n + 1 })

export const uncloneable = ThreadTask.define(here, "uncloneable", { run: (n: number) => () => n })

/** Notes that it has run, and ends its thread where it is told to. */
export const perilous = ThreadTask.define(here, "perilous", {
  run: ({ ends, id, runs }: { readonly id: number; readonly ends: boolean; readonly runs: Int32Array }) => {
    Atomics.add(runs, id, 1)
    if (ends) process.exit(7)
    return id
  }
})

/** Leaves a timer behind that ends the thread when nothing runs on it. */
export const timeBomb = ThreadTask.define(here, "timeBomb", {
  run: (words: Int32Array) => {
    setTimeout(() => {
      set(words, 0)
      throw new Error("late")
    })
    return "planted"
  }
})

const own = Math.random()

/** Which thread this is. */
export const thread = ThreadTask.define(here, "thread", { run: (_input: undefined) => own })

let moved: Uint8Array | undefined

export const moveBack = ThreadTask.define(here, "moveBack", {
  run: (bytes: Uint8Array) => {
    for (let index = 0; index < bytes.length; index++) bytes[index]!++
    return ThreadTask.move((moved = bytes))
  }
})

/** On the thread that has moved something; on one that has not, there is nothing to be full. */
export const movedIsEmpty = ThreadTask.define(here, "movedIsEmpty", {
  run: (_input: undefined) => moved === undefined || moved.byteLength === 0
})

export const add = ThreadTask.defineFold(here, "add", {
  initial: () => 0,
  step: (sum: number, element: number) => sum + element,
  combine: (earlier: number, later: number) => earlier + later
})

/** Which elements were folded, in order. */
export const list = ThreadTask.defineFold(here, "list", {
  initial: (): Array<string> => [],
  step: (all: Array<string>, element: string) => [...all, element],
  combine: (earlier: Array<string>, later: Array<string>) => [...earlier, ...later]
})

/** Fails at one element. */
export const upTo = ThreadTask.define(here, "upTo", {
  run: (n: number) => {
    if (n === 700) throw new RangeError("no 700")
    return n
  }
})
