/** One run: the deviations of a schedule, everywhere else the default. */
import type { Schedule } from "../model.ts"
import type { Search } from "../search.ts"

export const replaySearch = (schedule: Schedule, seed: number): Search => {
  let at = 0
  let point = 0
  let over = false
  return {
    next: () => {
      if (over) return undefined
      over = true
      at = point = 0
      return seed
    },
    choose: () => (schedule[at]?.point === point++ ? schedule[at++]!.alternative : 0),
    done: () => {},
    exhausted: () => over
  }
}
