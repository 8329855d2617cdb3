/** A gate before a limit that is kept in memory: every look at it is one evaluation, and nobody can come between. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"

import type { Carry } from "../limits/interpret.ts"
import type { RateLimit } from "../limits/model.ts"
import type { Account } from "./accounts.ts"
import { Gate, type Rules } from "./gate.ts"
import type { Place } from "./place.ts"
import type { Ticks } from "./ticks.ts"

/**
 * Timers fire late, by a millisecond where nothing else runs. Whoever waited has his turn at the time when he was due all
 * the same: else 1,000 a second, evenly spaced, would be 600. What comes later than this was not a timer but a stall, and
 * that is charged, so that after it nobody gets what has piled up meanwhile. See ADR 0032.
 */
const forgiven = 20_000_000

export class MemoryGate extends Gate {
  readonly account: Account
  /** The time at which the state's clock began. It is moved where the algorithm would begin to round. */
  private base = 0

  /** Whether nobody else reads the state, by the clock of all. */
  private readonly isSole: boolean

  constructor(rules: Rules, ticks: Ticks, account: Account, isSole: boolean) {
    super(rules, ticks)
    this.account = account
    this.isSole = isSole
    this.admit(this.capacity)
  }

  get capacity(): number {
    return this.account.algorithm.capacity
  }

  private now(): number {
    const { account } = this
    const now = this.ticks.now()
    if (this.isSole && now - this.base > account.algorithm.horizon) {
      account.state = account.algorithm.shift(account.state, now - this.base)
      this.base = now
    }
    return now
  }

  private notBefore(from: number, n: number, ahead: number): number {
    return this.account.notBefore(from - this.base, n, ahead) + this.base
  }

  /** Whether a request would not have to wait. */
  canTake(n: number, priority: number): boolean {
    if (this.waiting > 0) this.look()
    const now = this.now()
    return this.line.wouldLead(priority) && this.notBefore(Math.max(now, this.heldUntil), n, 0) <= now
  }

  /** Takes if a request would not have to wait. */
  takeNow(n: number, priority: number): boolean {
    if (this.waiting > 0) this.look()
    const now = this.now()
    if (!this.line.wouldLead(priority) || now < this.heldUntil || !this.account.take(now - this.base, n)) return false
    if (this.waiting > 0) this.line.pass()
    this.subject?.spends(n, this.seenKey)
    return true
  }

  protected counts() {
    return { available: this.available(), waiting: this.waiting }
  }

  available(): number {
    this.look()
    const now = this.now()
    return this.account.algorithm.available(this.account.state, now - this.base)
  }

  estimate(n: number, ahead: number): number {
    const now = this.now()
    return this.notBefore(Math.max(now, this.heldUntil), n, ahead) - now
  }

  setLimit(limit: RateLimit, carry: Carry): void {
    this.look()
    const now = this.now()
    this.account.retune(limit, now - this.base, carry)
    this.era++
    this.admit(this.capacity)
    this.turn = now
    this.look()
  }

  penalize(nanos: number): void {
    this.heldUntil = Math.max(this.heldUntil, this.now() + nanos)
    this.look()
  }

  protected giveBack({ grantedAt, n }: Place): undefined {
    const now = this.now()
    this.account.giveBack(grantedAt - this.base, n, now - this.base)
  }

  protected grantedNow({ grantedAt, state }: Place): boolean {
    return state === "granted" && grantedAt === this.ticks.latest
  }

  protected attend(): Effect.Effect<void> {
    this.look()
    return Effect.void
  }

  protected nextDue(): number {
    const { head } = this.line
    if (head === undefined) return Infinity
    return this.notBefore(Math.max(head.since, this.turn, this.heldUntil), head.n, 0)
  }

  protected serve(): void {
    const now = this.now()
    for (let place = this.line.head; place !== undefined; place = this.line.head) {
      const due = this.nextDue()
      if (due <= now) {
        // a reservation that nobody waits for has its turn when it is due, and not when somebody looks
        const at = place.awaiting === undefined || now - due <= forgiven ? due : now
        this.account.take(at - this.base, place.n)
        this.grant(place, at)
      } else if (place.n > this.capacity) {
        // the limit has become too small for it
        this.fail(place, Cause.fail(this.limited(place.n, Infinity)))
      } else if (!this.expire(due)) return
    }
  }
}
