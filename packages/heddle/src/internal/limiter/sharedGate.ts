/**
 * A gate before a limit that a store keeps. The head of the line asks; a refusal says until when nobody need ask again. One
 * question is on its way at a time, so that the order of the line is the order of the answers.
 *
 * Each question has a fiber of its own: whoever is interrupted does not wait for a store that may never answer, and what it
 * gives him then goes to the next or back.
 */
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"

import { describe } from "../defect.ts"
import { algorithmOf } from "../limits/interpret.ts"
import type { RateLimit } from "../limits/model.ts"
import { durationOf, nanosOf } from "./durations.ts"
import { Gate, type Rules } from "./gate.ts"
import type { Place } from "./place.ts"
import type { Ticks } from "./ticks.ts"

interface Consumption {
  readonly key: string
  readonly limit: RateLimit
  readonly n: number
}

type Answer =
  | { readonly _tag: "Taken"; readonly at: number }
  | { readonly _tag: "NotBefore"; readonly retryAfter: Duration.Duration }

/** What a gate needs of a store. */
export interface Store {
  readonly take: (consumption: Consumption) => Effect.Effect<Answer, unknown>
  readonly giveBack: (consumption: Consumption & { readonly at: number }) => Effect.Effect<void, unknown>
  readonly peek: (
    consumption: Consumption
  ) => Effect.Effect<{ readonly available: number; readonly retryAfter: Duration.Duration }, unknown>
  readonly penalize: (key: string, retryAfter: Duration.Duration) => Effect.Effect<void, unknown>
}

/** When a store is asked again that has refused, and says that it need not have. */
const atOnceAgain = 1_000_000

/** Runs on by itself, whatever becomes of the fiber that began it. */
const detached = <A, E>(effect: Effect.Effect<A, E>) => Effect.forkDetach(effect, { startImmediately: true })

const checkedAnswer = (answer: Answer): Answer => {
  if (answer?._tag === "Taken" && Number.isFinite(answer.at)) return answer
  if (answer?._tag === "NotBefore" && Duration.isDuration(answer.retryAfter)) return answer
  throw new TypeError(`RateLimiterStore.take: ${describe(answer)} is no answer`)
}

export class SharedGate extends Gate {
  limit: RateLimit
  private readonly store: Store
  private readonly key: string
  /** Who was refused, and until when. */
  private refused: Place | undefined = undefined
  private refusedUntil = 0
  private asking = false

  constructor(rules: Rules, ticks: Ticks, store: Store, key: string, limit: RateLimit) {
    super(rules, ticks)
    this.store = store
    this.key = key
    this.limit = limit
    this.admit(this.capacity)
  }

  get capacity(): number {
    return algorithmOf(this.limit).capacity
  }

  /** What is available only the store knows. */
  protected counts() {
    return { waiting: this.waiting }
  }

  estimate(): number {
    const now = this.ticks.now()
    const asked = this.line.head !== undefined && this.line.head === this.refused
    return Math.max(0, this.heldUntil - now, asked ? this.refusedUntil - now : 0)
  }

  takeNow(n: number, priority: number): Effect.Effect<boolean, unknown> {
    return Effect.suspend(() => {
      if (!this.line.wouldLead(priority) || this.heldUntil > this.ticks.now()) return Effect.succeed(false)
      return Effect.uninterruptibleMask((restore) =>
        Effect.flatMap(detached(this.question(n)), (asked) => {
          const answered = Effect.map(Fiber.join(asked), ({ _tag }) => {
            if (_tag === "Taken") this.subject?.spends(n, this.seenKey)
            return _tag === "Taken"
          })
          const back = Effect.flatMap(Fiber.join(asked), (answer) =>
            answer._tag === "Taken" ? this.restore(n, answer.at) : Effect.void
          )
          return Effect.onInterrupt(restore(answered), () => detached(back))
        })
      )
    })
  }

  peek(n: number): Effect.Effect<{ readonly available: number; readonly retryAfter: number }, unknown> {
    return Effect.suspend(() =>
      Effect.map(this.store.peek(this.consumption(n)), ({ available, retryAfter }) => ({
        available,
        retryAfter: Math.max(nanosOf(retryAfter), this.estimate())
      }))
    )
  }

  setLimit(limit: RateLimit): void {
    this.limit = limit
    this.admit(this.capacity)
    this.refused = undefined
    this.look()
  }

  penalize(nanos: number): Effect.Effect<void, unknown> {
    return Effect.suspend(() => {
      this.heldUntil = Math.max(this.heldUntil, this.ticks.now() + nanos)
      this.look()
      return this.store.penalize(this.key, durationOf(nanos))
    })
  }

  /** The head may be another than the one that was refused: then it has to ask for itself. */
  protected nextDue(): number {
    const { head } = this.line
    if (head === undefined || this.asking) return Infinity
    return Math.max(this.heldUntil, head === this.refused ? this.refusedUntil : this.ticks.now())
  }

  protected serve(): void {
    let due = this.nextDue()
    while (!this.asking && due > this.ticks.now() && this.expire(due)) due = this.nextDue()
  }

  // Invariant: `asking` is set in the region that begins the question, and cleared when that ends
  protected attend(): Effect.Effect<void> {
    const begun = Effect.suspend(() => {
      const { head } = this.line
      if (head !== undefined && this.nextDue() <= this.ticks.now()) return detached(this.ask(head))
      this.look()
      return Effect.undefined
    })
    return Effect.flatMap(Effect.uninterruptible(begun), (asked) =>
      asked === undefined ? Effect.void : Effect.asVoid(Fiber.await(asked))
    )
  }

  protected giveBack({ grantedAt, n }: Place): Effect.Effect<void> {
    return Effect.asVoid(detached(this.restore(n, grantedAt)))
  }

  protected grantedNow(): boolean {
    return false
  }

  /** A store that throws, or answers what is no answer, has died. */
  private question(n: number): Effect.Effect<Answer, unknown> {
    return Effect.map(
      Effect.suspend(() => {
        const taking = this.store.take(this.consumption(n))
        return Effect.isEffect(taking) ? taking : Effect.succeed(taking)
      }),
      checkedAnswer
    )
  }

  /** Whoever is the head when the answer comes gets it, if it is for as many. */
  private ask({ n }: Place): Effect.Effect<void> {
    this.asking = true
    const answered = Effect.matchCause(this.question(n), {
      onSuccess: (answer) => {
        const { head } = this.line
        if (answer._tag === "Taken") {
          if (head?.n !== n) return this.restore(n, answer.at)
          this.grant(head, answer.at)
        } else if (head?.n === n) this.refuse(head, nanosOf(answer.retryAfter))
        return Effect.void
      },
      onFailure: (cause) => {
        if (this.line.head !== undefined) this.fail(this.line.head, cause)
        return Effect.void
      }
    })
    return Effect.flatMap(answered, (then) => {
      this.asking = false
      this.look()
      return then
    })
  }

  private refuse(head: Place, wait: number): void {
    if (head.n > this.capacity) return this.fail(head, Cause.fail(this.limited(head.n, Infinity)))
    this.refused = head
    this.refusedUntil = this.ticks.now() + (wait > 0 ? wait : atOnceAgain)
  }

  /** What cannot be given back stays taken: no more is given than the limit allows. Who was refused may ask again. */
  private restore(n: number, at: number): Effect.Effect<void> {
    const giveBack = Effect.suspend(() => this.store.giveBack({ ...this.consumption(n), at }))
    return Effect.map(Effect.exit(giveBack), () => {
      this.refused = undefined
      this.look()
    })
  }

  private consumption(n: number): Consumption {
    return { key: this.key, limit: this.limit, n }
  }
}
