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

/** Undefined when the text is none. */
export const parseReplay = (text: string): Replay | undefined => {
  const match = /^(\w+):([0-9a-z]+):([0-9a-z.,]*)(?::([0-9a-z.,]+))?$/.exec(text.trim())
  const mode = modes.find((mode) => mode === match?.[1])
  if (match === null || mode === undefined) return undefined
  const schedule: Array<Deviation> = []
  let point = 0
  for (const part of match[3] === "" ? [] : match[3]!.split(",")) {
    const [, distance, alternative] = /^([0-9a-z]+)\.([0-9a-z]+)$/.exec(part) ?? []
    if (distance === undefined || alternative === undefined) return undefined
    point += Number.parseInt(distance, 36)
    schedule.push({ point, alternative: Number.parseInt(alternative, 36) })
  }
  return { mode, seed: Number.parseInt(match[2]!, 36), schedule, extra: match[4] }
}
