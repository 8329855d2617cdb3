/** How a task ends on its thread, and how its values travel. */
import type { Status } from "./lane.ts"

export interface Outcome {
  readonly status: Status
  readonly value: unknown
}

export interface Coders {
  readonly decode: (input: unknown) => unknown
  readonly encode: (output: unknown) => unknown
  readonly encodeError: (error: unknown) => unknown
}
