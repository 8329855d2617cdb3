/** Several limits at once, all or nothing, and none at all. */
import type { Algorithm } from "./algorithm.ts"

export const all = <S>(algorithms: ReadonlyArray<Algorithm<S>>): Algorithm<ReadonlyArray<S>> => {
  const least = (of: (algorithm: Algorithm<S>, index: number) => number): number => Math.min(...algorithms.map(of))
  return {
    capacity: least(({ capacity }) => capacity),
    horizon: least(({ horizon }) => horizon),
    initial: algorithms.map(({ initial }) => initial),
    take(states, now, n) {
      const next: Array<S> = []
      for (let index = 0; index < algorithms.length; index++) {
        const state = algorithms[index]!.take(states[index]!, now, n)
        if (state === undefined) return undefined
        next.push(state)
      }
      return next
    },
    notBefore: (states, now, n, ahead) =>
      Math.max(now, ...algorithms.map((each, index) => each.notBefore(states[index]!, now, n, ahead))),
    giveBack: (states, at, n, now) => states.map((state, index) => algorithms[index]!.giveBack(state, at, n, now)),
    available: (states, now) => least((each, index) => each.available(states[index]!, now)),
    withAvailable: (now, available) =>
      algorithms.map((each) => each.withAvailable(now, Math.min(each.capacity, available))),
    isFresh: (states, now) => algorithms.every((each, index) => each.isFresh(states[index]!, now)),
    shift: (states, by) => states.map((state, index) => algorithms[index]!.shift(state, by))
  }
}

export const unlimited: Algorithm<null> = {
  capacity: Infinity,
  horizon: Infinity,
  initial: null,
  take: () => null,
  notBefore: (_, now) => now,
  giveBack: () => null,
  available: () => Infinity,
  withAvailable: () => null,
  isFresh: () => true,
  shift: () => null
}
