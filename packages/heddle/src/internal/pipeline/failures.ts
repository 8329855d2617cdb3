/** What went wrong in one run of a stage. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"

export interface Failure<E> {
  readonly sequence: number
  readonly cause: Cause.Cause<E>
  /** Came after the run had been stopped, from an element that was already interrupted. */
  readonly late: boolean
}

/**
 * In input order, the source last. A defect of an element's body or of the source wins over typed failures. Of those that
 * were interrupted by the stop only typed failures count: their interruption is our own doing, and a defect in their cleanup
 * must not hide a typed failure from `Effect.catch` (`close` logs it).
 */
export const combine = <E>(failures: ReadonlyArray<Failure<E>>): Cause.Cause<E> => {
  const ordered = failures.toSorted((a, b) => (a.sequence < b.sequence ? -1 : 1))
  const reasons = (late: boolean) =>
    ordered.filter((failure) => failure.late === late).flatMap((failure) => failure.cause.reasons)
  const decisive = reasons(false)
  const defects = decisive.filter(Cause.isDieReason)
  return Cause.fromReasons(defects.length > 0 ? defects : [...decisive, ...reasons(true).filter(Cause.isFailReason)])
}

export const isNoFailure = (reason: Cause.Reason<unknown>): reason is Cause.Die | Cause.Interrupt =>
  !Cause.isFailReason(reason)

/** What died in a cleanup when the outcome had been decided has nowhere else to go. */
export const logLate = (failures: ReadonlyArray<Failure<unknown>>): Effect.Effect<void> => {
  const defects = failures.filter(({ late }) => late).flatMap(({ cause }) => cause.reasons.filter(Cause.isDieReason))
  return defects.length === 0
    ? Effect.void
    : Effect.logWarning("A stage was stopped, and a cleanup died", Cause.fromReasons(defects))
}
