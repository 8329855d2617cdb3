/** What the options of a pool mean. */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Random from "effect/Random"
import * as Schedule from "effect/Schedule"
import * as Tracer from "effect/Tracer"

import { CurrentDeadline } from "../deadline.ts"
import {
  checkCount,
  checkDuration,
  checkEffect,
  checkFunction,
  checkOneOf,
  checkPositive,
  checkThat,
  labelOf
} from "../defect.ts"
import { attemptOf } from "./attempt.ts"
import { type Backlog, Shared } from "./backlog.ts"
import { type Config, Core } from "./core.ts"
import { CurrentTask } from "./enclosing.ts"
import type { AnyEffect, AnyFiber, Entry } from "./entry.ts"
import { Keyed } from "./keyed.ts"
import { ReentrantWait } from "./model.ts"
import type { Distribute, Overflow } from "./policies.ts"
import { Stealing } from "./stealing.ts"
import { WorkerStates } from "./workerState.ts"

export interface Options {
  readonly workers: number
  readonly capacity?: number | undefined
  readonly overflow?: Overflow | undefined
  readonly maxWaiting?: number | undefined
  readonly distribute?: Distribute<any> | undefined
  readonly handle: (task: any, state: any) => AnyEffect
  readonly init?: AnyEffect | undefined
  readonly renewOn?: ((cause: Cause.Cause<any>) => boolean) | undefined
  readonly timeout?: Duration.Input | undefined
  readonly retry?: Schedule.Schedule<unknown, any> | undefined
  readonly name?: string | undefined
}

/** What a task inherits from where the pool is made: the services, and not what is around that place. */
const inherited = Context.omit(Tracer.ParentSpan, CurrentDeadline, CurrentTask)

const defaultCapacity = 1024

export interface Parts {
  readonly core: Core
  readonly services: Context.Context<never>
  readonly states: WorkerStates | undefined
}

/** Options that the types would not let through. `label` says who speaks. */
const checkShapes = (label: string, { distribute, handle, init, overflow, renewOn, retry }: Options): void => {
  checkFunction(label, "handle", handle)
  if (init !== undefined) checkEffect(label, "init", init)
  if (renewOn !== undefined) checkFunction(label, "renewOn", renewOn)
  if (overflow !== undefined) checkOneOf(label, "overflow", overflow, ["suspend", "fail", "dropNewest", "dropOldest"])
  checkThat(retry === undefined || Schedule.isSchedule(retry), label, "retry", retry, "a Schedule")
  if (distribute === undefined || distribute === "shared" || distribute === "stealing") return
  const isKeyed = typeof distribute === "object" && distribute !== null && typeof distribute.keyed === "function"
  checkThat(isKeyed, label, "distribute", distribute, '"shared", "stealing" or have a function keyed')
}

export const partsOf = (label: string, options: Options, maker: AnyFiber): Parts => {
  checkShapes(label, options)
  const { capacity = defaultCapacity, distribute = "shared", init, maxWaiting = Infinity, name, workers } = options
  const { overflow = "suspend" } = options
  const hasHomes = init !== undefined && typeof distribute === "object"
  const isBounded = hasHomes || distribute === "stealing"
  const timeout = options.timeout === undefined ? undefined : checkDuration(label, "timeout", options.timeout)
  checkPositive(label, "workers", workers, isBounded ? "finite" : "or Infinity")
  checkCount(label, "capacity", capacity, "or Infinity")
  checkCount(label, "maxWaiting", maxWaiting, "or Infinity")

  const services = inherited<never>(maker.context)
  const isBroken = options.renewOn ?? Cause.hasDies
  const states = init === undefined ? undefined : new WorkerStates({ init, isBroken, services })
  const config: Config = {
    name,
    workers,
    capacity,
    overflow,
    maxWaiting,
    backlog: backlogOf(distribute, services, overflow === "dropOldest", hasHomes ? workers : undefined),
    hasHomes,
    isBounded,
    hasPriorities: distribute !== "stealing",
    attempt: attemptOf({ ...options, name, retry: options.retry, states, timeout }),
    services,
    circular: circular(distribute, name),
    retire: (worker) => states?.retire(worker),
    scheduler: maker.cache.scheduler
  }
  return { core: new Core(config), services, states }
}

const backlogOf = (
  distribute: Distribute<any>,
  services: Context.Context<never>,
  keepAges: boolean,
  homes: number | undefined
): Backlog => {
  if (distribute === "shared") return new Shared()
  if (distribute !== "stealing") return new Keyed({ key: distribute.keyed, homes, keepAges })
  const generator = Context.get(services, Random.Random)
  return new Stealing({ random: () => generator.nextDoubleUnsafe(), keepAges })
}

/** Where keys decide what stands behind what, a wait that never ends is a condition; elsewhere it is a bug. */
const circular =
  (distribute: Distribute<any>, pool: string | undefined) =>
  (entry: Entry): AnyEffect => {
    if (typeof distribute === "object") {
      return Effect.fail(new ReentrantWait({ pool, key: distribute.keyed(entry.task) }))
    }
    const label = labelOf("WorkerPool", pool)
    return Exit.die(new Error(`${label}: a task cannot wait for itself, nor for a task that waits for it`))
  }
