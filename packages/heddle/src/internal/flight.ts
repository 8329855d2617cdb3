/**
 * The machinery of `SingleFlight`: calls by key, their executions, and those who wait for them.
 *
 * ```
 *   (no call) ── run ──▶ running ── its end ──────▶ (no call)     all callers get its exit
 *                         │   │
 *                  forget │   │ the last caller leaves
 *                         ▼   ▼
 *                 forgotten   ending ── its end ──▶ whoever came meanwhile begins
 * ```
 * Invariant: `calls` has the running call of a key, the only one that can be joined. So neither the end of a forgotten
 * call nor that of an ending one touches its successor.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import type * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as MutableHashMap from "effect/MutableHashMap"
import * as Option from "effect/Option"

import { stop } from "./children.ts"
import { CurrentDeadline } from "./deadline.ts"
import { checkOptions, describe } from "./defect.ts"
import type { AnyEffect } from "./effectLast.ts"
import { Handle } from "./handle.ts"
import { readyRing } from "./readyRing.ts"

export const TypeId = "~heddle/SingleFlight"

type AnyExit = Exit.Exit<any, any>

/** What a caller goes on with: from the exit, and whether others get it too. */
type Deliver = (exit: AnyExit, shared: boolean) => AnyExit

interface Caller {
  readonly wake: (exit: AnyExit, shared: boolean) => void
  /** The call in whose execution the caller runs. */
  readonly inside: Call | undefined
}

class Call {
  readonly key: unknown
  /** How many executions are nested here, each begun by the one around it. */
  readonly depth: number
  readonly callers = new Set<Caller>()
  /** What those wait for who call inside its execution. Invariant: no cycle, here and in `behind` together. */
  readonly waitsFor = new Map<Caller, Call>()
  /** The ending calls of the key that it begins after; none any more once it has ended, or each would keep the one before. */
  behind: ReadonlyArray<Call>
  /** A fiber that is nobody's child: whoever began it may leave. */
  execution: Fiber.Fiber<any, any> | undefined = undefined

  constructor(key: unknown, { inside }: Caller, behind: ReadonlyArray<Call>) {
    this.key = key
    this.depth = inside === undefined ? 1 : inside.depth + 1
    this.behind = behind
  }

  enter(caller: Caller): void {
    this.callers.add(caller)
    caller.inside?.waitsFor.set(caller, this)
  }

  /** The caller waits no more. */
  letGo(caller: Caller): void {
    caller.inside?.waitsFor.delete(caller)
  }

  /** Whether it can only end after another, or is that. */
  needs(other: Call): boolean {
    const reached = new Set<Call>([this])
    for (const call of reached) {
      if (call === other) return true
      for (const next of call.waitsFor.values()) reached.add(next)
      for (const next of call.behind) reached.add(next)
    }
    return false
  }
}

/** So many executions, each begun by the one around it, start on one stack. */
const nestedStarts = 64

/** The call of whose execution a fiber is part. (Who outlives it is harmless: nothing waits for what has ended.) */
const CurrentCall = Context.Reference<Call | undefined>("heddle/SingleFlight/CurrentCall", {
  defaultValue: () => undefined
})

export class Flight extends Handle {
  readonly [TypeId] = TypeId
  private readonly calls = MutableHashMap.empty<unknown, Call>()
  /** Executions that their last caller has left, and that have not ended yet. */
  private readonly ending = MutableHashMap.empty<unknown, ReadonlyArray<Call>>()
  private running = 0
  private waiting = 0
  private started = 0
  private joined = 0

  constructor(options: { readonly name?: string | undefined }) {
    checkOptions("SingleFlight.make", options)
    super("SingleFlight", options.name)
  }

  stats() {
    const { joined, running, started, waiting } = this
    return { running, waiting, started, joined }
  }

  forget(key: unknown): void {
    MutableHashMap.remove(this.calls, key)
  }

  run(key: unknown, effect: AnyEffect, deliver: Deliver): AnyEffect {
    return Effect.withFiber((fiber) => {
      let leave: ((exit: AnyExit) => AnyEffect | undefined) | undefined
      const enter = Effect.callback<any, any>((resume) => {
        const ring = readyRing(fiber.cache.scheduler)
        // what ends as it is started has its caller go on at once
        let go: typeof resume = resume
        const wake = (exit: AnyExit, shared: boolean) => go(deliver(exit, shared))
        const caller: Caller = { inside: fiber.getRef(CurrentCall), wake }
        const running = Option.getOrUndefined(MutableHashMap.get(this.calls, key))
        const call = running ?? new Call(key, caller, this.endingOf(key))
        this.checkEnds(call, caller)
        if (running !== undefined) this.joined++
        call.enter(caller)
        this.waiting++
        leave = (exit) => (call.callers.delete(caller) ? this.left(call, caller, exit) : undefined)
        if (running === undefined) this.start(call, fiber, effect)
        go = (exit) => ring.push(resume, exit)
      })
      return Effect.onExitPrimitive(enter, (exit) => leave?.(exit))
    })
  }

  /** Whoever runs inside an execution must not wait for what can only end after it. */
  private checkEnds(call: Call, { inside }: Caller): void {
    if (inside === undefined || !call.needs(inside)) return
    const isOwn = Equal.equals(inside.key, call.key)
    const execution = isOwn ? "its own execution" : `the execution for ${describe(inside.key)}, which it needs,`
    throw new Error(`${this.label("run")}: a run for ${describe(call.key)} inside ${execution} would never end`)
  }

  /** At once; behind the executions that are ending, if there are any. */
  private start(call: Call, fiber: Fiber.Fiber<unknown, unknown>, effect: AnyEffect): void {
    MutableHashMap.set(this.calls, call.key, call)
    this.started++
    this.running++
    // the caller's context has what the effect requires
    const context = fiber.context.pipe(Context.add(CurrentCall, call), Context.add(CurrentDeadline, undefined))
    const scoped = Effect.scoped(effect)
    const isDeep = call.depth % nestedStarts === 0
    // an ending call has an execution
    const ending = call.behind.map(({ execution }) => execution!)
    const before = ending.length > 0 ? Fiber.awaitAll(ending) : isDeep ? Effect.yieldNow : undefined
    const execution = before === undefined ? scoped : Effect.andThen(before, scoped)
    call.execution = Effect.runForkWith(context as Context.Context<any>)(execution)
    call.execution.addObserver((exit) => this.ended(call, exit))
  }

  private ended(call: Call, exit: AnyExit): void {
    this.running--
    this.waiting -= call.callers.size
    this.forgetCall(call)
    call.behind = []
    const shared = call.callers.size > 1
    for (const caller of call.callers) {
      call.callers.delete(caller)
      call.letGo(caller)
      caller.wake(exit, shared)
    }
  }

  /** A caller has left. The last one stops the execution, and waits for it as it would for an effect of its own. */
  private left(call: Call, caller: Caller, exit: AnyExit): AnyEffect | undefined {
    this.waiting--
    const { execution, key } = call
    if (call.callers.size > 0 || execution === undefined) {
      call.letGo(caller)
      return undefined
    }
    execution.addObserver(() => call.letGo(caller))
    if (this.forgetCall(call)) {
      this.setEnding(key, [...this.endingOf(key), call])
      execution.addObserver(() =>
        this.setEnding(
          key,
          this.endingOf(key).filter((one) => one !== call)
        )
      )
    }
    return stop([execution], exit)
  }

  private forgetCall(call: Call): boolean {
    const current = Option.getOrUndefined(MutableHashMap.get(this.calls, call.key))
    if (current !== call) return false
    MutableHashMap.remove(this.calls, call.key)
    return true
  }

  private endingOf(key: unknown): ReadonlyArray<Call> {
    return Option.getOrElse(MutableHashMap.get(this.ending, key), () => [])
  }

  private setEnding(key: unknown, calls: ReadonlyArray<Call>): void {
    if (calls.length === 0) MutableHashMap.remove(this.ending, key)
    else MutableHashMap.set(this.ending, key, calls)
  }
}
