/** Where the limits of many keys stand. A key that is as good as new is forgotten, by and by, by those who come after. */
import { algorithmOf, type Carry, type Interpreted, retuned } from "../limits/interpret.ts"
import type { AnyState, RateLimit } from "../limits/model.ts"
import { KeyMap } from "./keyMap.ts"

/** A limit and where it stands. */
export class Account {
  algorithm: Interpreted<AnyState>
  state: AnyState

  constructor(limit: RateLimit) {
    this.algorithm = algorithmOf(limit)
    this.state = this.algorithm.initial
  }

  /** Takes all or nothing. */
  take(now: number, n: number): boolean {
    if (n === 0) return true
    const next = this.algorithm.take(this.state, now, n)
    if (next === undefined) return false
    this.state = next
    return true
  }

  notBefore(from: number, n: number, ahead: number): number {
    return n + ahead === 0 ? from : this.algorithm.notBefore(this.state, from, n, ahead)
  }

  giveBack(at: number, n: number, now: number): void {
    if (n > 0) this.state = this.algorithm.giveBack(this.state, at, n, now)
  }

  retune(limit: RateLimit, now: number, carry: Carry): void {
    const next: Interpreted<AnyState> = algorithmOf(limit)
    if (next === this.algorithm && carry !== "reset") return
    this.state = retuned(this.algorithm, next, this.state, now, carry)
    this.algorithm = next
  }
}

/**
 * Every operation looks at so many keys. Two, because it adds one at most: so those that could be forgotten are at most as
 * many as those that could not, without a timer and without a sweep that anybody has to wait for.
 */
const visitsPerOperation = 2

export class Accounts<K> extends KeyMap<K, Account> {
  sweep(now: number, visits = visitsPerOperation): void {
    this.visit(visits, (key, { algorithm, state }) => {
      if (algorithm.isFresh(state, now)) this.delete(key)
    })
  }
}
