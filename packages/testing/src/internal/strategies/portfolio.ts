/** Several strategies that take turns, each its own run; one that has nothing left to try drops out. */
import type { Search } from "../search.ts"

export const portfolioSearch = (members: ReadonlyArray<Search>): Search => {
  const left = [...members]
  let turn = 0
  let current: Search | undefined
  return {
    next: () => {
      while (left.length > 0) {
        turn %= left.length
        const member = left[turn]!
        const seed = member.next()
        if (seed !== undefined) {
          current = member
          turn++
          return seed
        }
        // whoever has run every schedule there is leaves nothing for the others
        if (member.complete?.() === true) left.length = 0
        else left.splice(turn, 1)
      }
      return undefined
    },
    choose: (alternatives, point) => current!.choose(alternatives, point),
    done: (facts) => current?.done(facts),
    exhausted: () => members.some((member) => member.complete?.() === true),
    probability: () => members.map((member) => member.probability?.()).find((bound) => bound !== undefined)
  }
}
