/**
 * One run of an effect under a deadline of its own.
 *
 * The effect runs in a fiber that can be interrupted alone; its caller is parked and gets that fiber's exit as it is. It
 * is handed over on the stack of the fiber that ends: through the ready ring it could be lost to an interruption on the
 * way, and with it what the effect has taken. The timer exists only while the effect does.
 */
import * as Cause from "effect/Cause"
import { Clock } from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"

import { logSuppressed, stop } from "./children.ts"
import { CurrentDeadline, type Deadline, nanosUntil } from "./deadline.ts"

export class Region<A, E, X> implements Deadline {
  readonly clock: Clock
  readonly at: bigint
  private readonly begun: bigint
  private readonly caller: Fiber.Fiber<unknown, unknown>
  private readonly exceeded: (elapsed: Duration.Duration) => X
  /** The enclosing deadline, where it is still ahead and not later: then it holds inside, and this one stands by. */
  private readonly earlier: Deadline | undefined
  private expired = false
  private child: Fiber.Fiber<A, E> | undefined = undefined
  private timer: Fiber.Fiber<void> | undefined = undefined

  constructor(caller: Fiber.Fiber<unknown, unknown>, nanos: bigint, exceeded: (elapsed: Duration.Duration) => X) {
    this.caller = caller
    this.exceeded = exceeded
    this.clock = caller.getRef(Clock)
    this.begun = this.clock.monotonicTimeNanosUnsafe()
    this.at = this.begun + nanos
    const enclosing = caller.getRef(CurrentDeadline)
    const left = enclosing === undefined ? 0 : nanosUntil(enclosing)
    this.earlier = left > 0 && left <= Number(nanos) ? enclosing : undefined
  }

  run<R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E | X, R> {
    const enter = Effect.callback<A, E | X, R>((resume) => this.begin(effect, resume))
    return Effect.onExitPrimitive(enter, (exit) =>
      this.child === undefined || this.child.pollUnsafe() !== undefined ? undefined : stop([this.child], exit)
    )
  }

  private begin<R>(effect: Effect.Effect<A, E, R>, resume: (exit: Exit.Exit<A, E | X>) => void): void {
    // the caller's context has what the effect requires
    const context = this.caller.context as Context.Context<R>
    const inside = this.earlier === undefined ? Context.add(context, CurrentDeadline, this) : context
    this.child = Effect.runForkWith(inside)(effect)
    this.child.addObserver((exit) => {
      this.timer?.interruptUnsafe(this.caller.id)
      resume(this.expired ? this.report(exit) : exit)
    })
    if (this.child.pollUnsafe() !== undefined) return
    const expire = Effect.sync(() => this.expire())
    this.timer = Effect.runForkWith(context)(Effect.andThen(this.sleep, expire))
  }

  /** Wakes no earlier than a microsecond before its time, where timers of whole milliseconds do. */
  private readonly sleep: Effect.Effect<void> = Effect.suspend(() => {
    const sleep = Effect.sleep(Duration.nanos(BigInt(nanosUntil(this))))
    return Effect.flatMap(sleep, () => (nanosUntil(this) < 1_000 ? Effect.void : this.sleep))
  })

  /**
   * Interrupts the effect. Where an earlier deadline ought to have interrupted this one's caller by now, it goes first, so
   * that it is the one that is reported, also when timers fire out of order. It may be out of reach, for one that encloses
   * what forked a daemon, or for a caller that cannot be interrupted; then this one is reported.
   */
  private expire(): void {
    this.expired = true
    if (this.earlier instanceof Region) this.earlier.expire()
    this.child?.interruptUnsafe(this.caller.id)
  }

  /** Once expired, the effect has failed; what else failed meanwhile is kept behind that, where it is no defect. */
  private report(exit: Exit.Exit<A, E>): Exit.Exit<A, E | X> {
    const elapsed = Duration.nanos(this.clock.monotonicTimeNanosUnsafe() - this.begun)
    const exceeded = Cause.makeFailReason(this.exceeded(elapsed))
    const reasons = exit._tag === "Failure" ? exit.cause.reasons : []
    const isOurs = (reason: Cause.Reason<E>) => Cause.isInterruptReason(reason) && reason.fiberId === this.caller.id
    const kept = reasons.filter((reason) => !isOurs(reason) && !Cause.isDieReason(reason))
    logSuppressed(this.caller.context, "A deadline was exceeded", exit)
    return Exit.failCause(Cause.fromReasons<E | X>([exceeded, ...kept]))
  }
}
