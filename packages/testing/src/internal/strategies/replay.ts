/** One run: the deviations of a schedule, everywhere else the default. */
import type { Schedule } from "../model.ts"
import type { Search } from "../search.ts"

export const replaySearch = (schedule: Schedule, seed: number): Search => {
  let at = 0
  let point = 0
  let over = false
  /** The run has choice points that the schedule was not made from. */
  let differs = false
  return {
    next: () => {
      if (over) return undefined
      over = true
      at = point = 0
      return seed
    },
    choose: (alternatives) => {
      if (schedule[at]?.point !== point++) return 0
      const { alternative } = schedule[at++]!
      if (alternative >= alternatives) differs = true
      return alternative
    },
    done: () => {},
    exhausted: () => over && at === schedule.length && !differs
  }
}
