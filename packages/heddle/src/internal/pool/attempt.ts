/** What a task does: the handler, and what the options of the pool put around it. */
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Pull from "effect/Pull"
import * as Schedule from "effect/Schedule"
import type { Scheduler } from "effect/Scheduler"

import { nanosLeft } from "../deadline.ts"
import { describe, labelOf } from "../defect.ts"
import { readyRing } from "../readyRing.ts"
import type { Core } from "./core.ts"
import type { AnyEffect, Frame } from "./entry.ts"
import { TaskTimeout } from "./model.ts"
import type { WorkerStates } from "./workerState.ts"

export type Attempt = (frame: Frame) => AnyEffect

export interface AttemptOptions {
  readonly handle: (task: any, state: any) => AnyEffect
  readonly name: string | undefined
  readonly states: WorkerStates | undefined
  readonly timeout: Duration.Duration | undefined
  readonly retry: Schedule.Schedule<unknown, any> | undefined
}

export const attemptOf = ({ handle, name, retry, states, timeout }: AttemptOptions): Attempt => {
  const handling = (task: unknown, state: unknown): AnyEffect => {
    // a handler may throw before it gives an effect, or give none; that would end a fiber without its finalizers
    try {
      const effect = handle(task, state)
      if (Effect.isEffect(effect)) return effect
      throw new TypeError(`${labelOf("WorkerPool.make", name)}: handle must give an effect, got ${describe(effect)}`)
    } catch (defect) {
      return Effect.die(defect)
    }
  }
  const timed = timeout === undefined ? handling : withTimeout(handling, timeout, name)
  const once: Attempt =
    states === undefined
      ? ({ task }) => timed(task, undefined)
      : (frame) => states.use(frame, (state) => timed(frame.task, state))
  const attempt = retry === undefined ? once : withRetry(once, retry)
  return name === undefined ? attempt : withSpan(attempt, name)
}

/** Counts from when the task begins, and not what its worker's state takes. The worker is free when the task has ended. */
const withTimeout =
  (handling: AttemptOptions["handle"], timeout: Duration.Duration, pool: string | undefined) =>
  (task: unknown, state: unknown): AnyEffect =>
    Effect.timeoutOrElse(handling(task, state), {
      duration: timeout,
      orElse: () => Effect.fail(new TaskTimeout({ pool, timeout }))
    })

const withSpan =
  (attempt: Attempt, pool: string): Attempt =>
  (frame) =>
    Effect.withSpan(
      Effect.suspend(() => attempt(frame)),
      `${pool}.task`,
      // with a stack trace, a span would cost more than the task
      { attributes: { pool, worker: frame.worker?.index }, captureStackTrace: false }
    )

/** A defect is never tried again, and neither is an interruption. */
const withRetry =
  (attempt: Attempt, schedule: Schedule.Schedule<unknown, any>): Attempt =>
  (frame) =>
    Effect.flatMap(Schedule.toStep(schedule), (step) => {
      const loop: AnyEffect = Effect.catchCause(
        Effect.suspend(() => attempt(frame)),
        (cause) => {
          const failure = cause.reasons.find(Cause.isFailReason)
          if (failure === undefined || !cause.reasons.every(Cause.isFailReason)) return Effect.failCause(cause)
          return Effect.clockWith((clock) =>
            Pull.matchEffect(step(clock.currentTimeMillisUnsafe(), failure.error), {
              onSuccess: ([, delay]) =>
                Duration.isZero(delay) ? loop : Effect.andThen(backOff(frame, delay, cause), loop),
              onFailure: Effect.failCause,
              onDone: () => Effect.failCause(cause)
            })
          )
        }
      )
      return loop
    })

/** Without a worker meanwhile. A backoff that a deadline would cut short is not begun. */
const backOff = (frame: Frame, delay: Duration.Duration, cause: Cause.Cause<unknown>): AnyEffect =>
  Effect.withFiber((fiber) => {
    if (Number(Duration.toNanosUnsafe(Duration.min(delay, longest))) > nanosLeft(fiber)) return Effect.failCause(cause)
    const core = frame.entry.owner as Core
    core.backOff(frame)
    return Effect.andThen(Effect.sleep(delay), comeBack(core, frame))
  })

/** Nanoseconds of no longer one are a number. */
const longest = Duration.days(100_000)

const comeBack = (core: Core, frame: Frame): AnyEffect => {
  const { entry } = frame
  const goOn = Effect.suspend(() => {
    if (entry.state !== "granted") return core.closedExit
    entry.state = "running"
    return Effect.void
  })
  const park = (scheduler: Scheduler, resume: (effect: AnyEffect) => void) => {
    const ring = readyRing(scheduler)
    frame.wake = (instead) => ring.push(resume, instead ?? goOn)
    core.comeBack(frame)
  }
  return Effect.callback<any, any>(function (this: Scheduler, resume) {
    park(this, resume)
  })
}
