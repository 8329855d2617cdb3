/** A store whose limits stand in memory. Its clock is its own, in nanoseconds since it was made. */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"

import { isSame } from "../limits/interpret.ts"
import type { RateLimit } from "../limits/model.ts"
import { Account, Accounts } from "./accounts.ts"
import { durationOf, nanosOf } from "./durations.ts"
import { KeyMap } from "./keyMap.ts"
import type { Ticks } from "./ticks.ts"

interface Consumption {
  readonly key: string
  readonly limit: RateLimit
  readonly n: number
}

export class MemoryStore {
  private readonly accounts = new Accounts<string>()
  private readonly penalties = new KeyMap<string, number>()
  private readonly ticks: Ticks

  constructor(ticks: Ticks) {
    this.ticks = ticks
  }

  readonly service = {
    take: (consumption: Consumption) => Effect.sync(() => this.take(consumption)),
    giveBack: (consumption: Consumption & { readonly at: number }) => Effect.sync(() => this.giveBack(consumption)),
    peek: (consumption: Consumption) => Effect.sync(() => this.peek(consumption)),
    penalize: (key: string, retryAfter: Duration.Duration) => Effect.sync(() => this.penalize(key, retryAfter))
  }

  private take({ key, limit, n }: Consumption) {
    const now = this.ticks.now()
    this.accounts.sweep(now)
    const account = this.accountOf(key, limit, now)
    const from = this.heldUntil(key, now)
    if (from > now || !account.take(now, n)) {
      return { _tag: "NotBefore" as const, retryAfter: durationOf(account.notBefore(from, n, 0) - now) }
    }
    this.accounts.set(key, account)
    return { _tag: "Taken" as const, at: now }
  }

  private giveBack({ at, key, limit, n }: Consumption & { readonly at: number }): void {
    const account = this.accounts.get(key)
    // what was taken by another limit has been carried over, or forgotten, as it is
    if (account !== undefined && isSame(account.algorithm.kept, limit)) account.giveBack(at, n, this.ticks.now())
  }

  private peek({ key, limit, n }: Consumption) {
    const now = this.ticks.now()
    const account = this.accountOf(key, limit, now)
    const from = this.heldUntil(key, now)
    return {
      available: from > now ? 0 : account.algorithm.available(account.state, now),
      retryAfter: durationOf(account.notBefore(from, n, 0) - now)
    }
  }

  private penalize(key: string, retryAfter: Duration.Duration): void {
    const now = this.ticks.now()
    this.penalties.visit(2, (other, until) => {
      if (until <= now) this.penalties.delete(other)
    })
    this.penalties.set(key, this.heldUntil(key, now + nanosOf(retryAfter)))
  }

  private heldUntil(key: string, earliest: number): number {
    return this.penalties.size === 0 ? earliest : Math.max(earliest, this.penalties.get(key) ?? 0)
  }

  private accountOf(key: string, limit: RateLimit, now: number): Account {
    const account = this.accounts.get(key)
    account?.retune(limit, now, "keep")
    return account ?? new Account(limit)
  }
}
