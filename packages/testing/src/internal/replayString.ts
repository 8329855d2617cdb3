/**
 * A schedule as text: `mode:seed:deviations`, then what else was done to the run. Numbers are in base 36, points are
 * written as the distance from the one before, and there is no character that a shell would want quoted.
 *
 *     op:0:4.1,2.2           in mode op with seed 0, alternative 1 at point 4 and alternative 2 at point 6
 *     stock:1k::b3,t5        nothing but defaults, MaxOpsBeforeYield 3, interrupted between tasks at number 5
 */
import { type Deviation, type Mode, modes, type Schedule } from "./model.ts"

export interface Replay {
  readonly mode: Mode
  readonly seed: number
  readonly schedule: Schedule
  /** What else was done, in the words of whoever did it. */
  readonly extra: string | undefined
}

export const formatReplay = ({ extra, mode, schedule, seed }: Replay): string => {
  let previous = 0
  const deviations = schedule.map(({ alternative, point }) => {
    const distance = point - previous
    previous = point
    return `${distance.toString(36)}.${alternative.toString(36)}`
  })
  return [mode, seed.toString(36), deviations.join(","), ...(extra === undefined ? [] : [extra])].join(":")
}

/** Undefined when the text is none: `formatReplay` gives back any other, character by character. */
export const parseReplay = (text: string): Replay | undefined => {
  const match = /^(\w+):([0-9a-z]+):([0-9a-z.,]*)(?::([0-9a-z.,]+))?$/.exec(text.trim())
  const mode = modes.find((mode) => mode === match?.[1])
  const seed = numberOf(match?.[2])
  if (match === null || mode === undefined || seed === undefined || seed >= 2 ** 32) return undefined
  const schedule: Array<Deviation> = []
  let point = 0
  for (const part of match[3] === "" ? [] : match[3]!.split(",")) {
    const parts = part.split(".")
    const [distance, alternative] = parts.map(numberOf)
    if (parts.length !== 2 || distance === undefined || alternative === undefined) return undefined
    // two deviations at one point, and one to the default, are none
    if (alternative === 0 || (distance === 0 && schedule.length > 0)) return undefined
    point += distance
    schedule.push({ point, alternative })
  }
  return Number.isSafeInteger(point) ? { mode, seed, schedule, extra: match[4] } : undefined
}

const numberOf = (text: string | undefined): number | undefined => {
  const number = Number.parseInt(text ?? "", 36)
  return Number.isSafeInteger(number) && number.toString(36) === text ? number : undefined
}
