/**
 * A budget and a line of requests per key, and one total above them.
 *
 * A key whose head fits its own budget stands in the ring and waits for its turn; the head of the one whose turn it is waits
 * there for the total, if it must, and everybody in the ring behind it.
 *
 * ```
 *   total ◀── front: "a" ○○○○    "c" ○    "d" ○○      the ring: their heads fit their own budgets
 *                    "b" ●○○                          its head does not: its budget is used up, or it is paused
 * ```
 */
import * as Effect from "effect/Effect"
import type { Scheduler } from "effect/Scheduler"

import { Account, KeyedAsk } from "./account.ts"
import { checkCount, describe } from "./defect.ts"
import type { AnyEffect } from "./effectLast.ts"
import { StructuralMap } from "./structuralMap.ts"
import { Turns } from "./turns.ts"
import { Turnstile } from "./turnstile.ts"

export type Budget<K> = number | ((key: K) => number)

export class KeyedPermits<K> extends Turnstile<KeyedAsk<K>> {
  private budget: Budget<K>
  private total: number
  private largestTotal: number
  private taken = 0
  private waiting = 0
  private readonly accounts = new StructuralMap<K, Account<K>>()
  // Invariant: the ring has the accounts that are ready, and what comes next in it does not fit the total.
  private readonly ring = new Turns<Account<K>>()

  constructor(kind: string, budget: Budget<K>, total: number, name: string | undefined) {
    super(kind, name)
    const make = this.label("make")
    if (typeof budget !== "function") checkCount(make, "permitsPerKey", budget, "or Infinity")
    checkCount(make, "total", total, "or Infinity")
    this.budget = budget
    // -0 is 0
    this.total = this.largestTotal = total + 0
  }

  protected counts() {
    const { accounts, available, taken, total, waiting } = this
    return { keys: accounts.size, total, taken, available, waiting }
  }

  stats() {
    return { ...this.counts(), ...this.parties() }
  }

  statsOf(key: K) {
    const account = this.accounts.get(key)
    if (account === undefined) {
      const permits = this.budgetOf(key)
      return { permits, taken: 0, available: permits, waiting: 0, paused: false }
    }
    const { available, paused, permits, taken, waiting } = account
    return { permits, taken, available, waiting, paused }
  }

  withPermits(key: K, permits: number, effect: AnyEffect): AnyEffect {
    return Effect.suspend(() => {
      this.check("withPermits", key, permits)
      const request = this.guard(effect)
      request.key = key
      request.permits = permits
      return request.guarded!
    })
  }

  withPermitsIfAvailable(key: K, permits: number, effect: AnyEffect): AnyEffect {
    return this.guardIfAvailable(this.asking("withPermitsIfAvailable", key, permits), effect)
  }

  take(key: K, permits: number): AnyEffect {
    return this.takeLoose(this.asking("take", key, permits))
  }

  takeIfAvailable(key: K, permits: number): AnyEffect {
    return this.takeLooseIfAvailable(this.asking("takeIfAvailable", key, permits))
  }

  takeScoped(key: K, permits: number): AnyEffect {
    return this.takeForScope(this.asking("takeScoped", key, permits))
  }

  release(key: K, permits: number): void {
    const account = this.accounts.get(key)
    const loose = account?.loose ?? 0
    if (!(Number.isSafeInteger(permits) && permits >= 0 && permits <= loose)) {
      const label = this.label("release")
      checkCount(label, "permits", permits, "finite")
      throw new RangeError(
        `${label}: cannot release ${permits} permits of key ${describe(key)}, only ${loose} are held by take or takeIfAvailable`
      )
    }
    if (account === undefined) return
    account.loose -= permits
    account.taken -= permits
    this.taken -= permits
    this.returned(permits, key)
    this.changed(account)
    this.serve()
  }

  pause(key: K): void {
    const account = this.accountOf(key)
    account.paused = true
    this.changed(account)
    this.serve()
  }

  resume(key: K): void {
    const account = this.accounts.get(key)
    if (account === undefined) return
    account.paused = false
    this.changed(account)
    this.serve()
  }

  resize({ permitsPerKey, total }: { readonly permitsPerKey?: Budget<K>; readonly total?: number | undefined }): void {
    const label = this.label("resize")
    if (total !== undefined) checkCount(label, "total", total, "or Infinity")
    if (permitsPerKey !== undefined && typeof permitsPerKey !== "function") {
      checkCount(label, "permitsPerKey", permitsPerKey, "or Infinity")
    }
    // all is asked before anything changes: a function of the caller's may throw
    const budget = permitsPerKey ?? this.budget
    const resized = this.accounts.values().map((account) => {
      return { account, permits: permitsPerKey === undefined ? account.permits : this.budgetOf(account.key, budget) }
    })
    this.budget = budget
    this.total = (total ?? this.total) + 0
    this.largestTotal = Math.max(this.largestTotal, this.total)
    for (const { account, permits } of resized) {
      account.resize(permits)
      account.bringBack(this.limitOf(account))
      this.changed(account)
    }
    this.serve()
  }

  protected override recycle(request: KeyedAsk<K>): void {
    request.key = request.account = undefined
    super.recycle(request)
  }

  protected newRequest(loose: boolean): KeyedAsk<K> {
    return new KeyedAsk(loose)
  }

  private asking(operation: string, key: K, permits: number): (loose: boolean) => KeyedAsk<K> {
    return (loose) => {
      this.check(operation, key, permits)
      const request = new KeyedAsk<K>(loose)
      request.key = key
      request.permits = permits
      return request
    }
  }

  /** On the path of every request: nothing but a few comparisons while all is well. */
  private check(operation: string, key: K, permits: number): void {
    const largest = typeof this.budget === "number" && permits <= this.budget ? this.budget : this.largestOf(key)
    if (Number.isSafeInteger(permits) && permits >= 0 && permits <= largest && permits <= this.largestTotal) return
    const label = this.label(operation)
    checkCount(label, "permits", permits, "finite")
    const limit =
      permits > largest
        ? `the largest budget of key ${describe(key)} is ${largest}`
        : `the largest total ever set is ${this.largestTotal}`
    throw new RangeError(`${label}: a request for ${permits} permits can never be met, ${limit}`)
  }

  /** The past of a key is forgotten with its account. */
  private largestOf(key: K): number {
    return this.accounts.get(key)?.largest ?? this.budgetOf(key)
  }

  private budgetOf(key: K, budget = this.budget): number {
    if (typeof budget === "number") return budget + 0
    const permits = budget(key)
    checkCount(this.label("permitsPerKey"), `the budget of key ${describe(key)}`, permits, "or Infinity")
    return permits + 0
  }

  private accountOf(key: K): Account<K> {
    let account = this.accounts.get(key)
    if (account === undefined) {
      account = new Account(key, this.budgetOf(key))
      this.accounts.set(key, account)
    }
    return account
  }

  private get available(): number {
    return Math.max(0, this.total - this.taken)
  }

  /** Whether the total has so many. Where there is no limit, the sum of the holds stays exact. */
  private fits(permits: number): boolean {
    return permits <= this.available && this.taken + permits <= Number.MAX_SAFE_INTEGER
  }

  /** Above this, a request stands aside. */
  private limitOf(account: Account<K>): number {
    return Math.min(account.permits, this.total)
  }

  protected isAvailable(request: KeyedAsk<K>): boolean {
    const { permits } = request
    if (!this.ring.isEmpty || !this.fits(permits)) return false
    const key = request.key as K
    const account = this.accounts.get(key)
    request.account = account
    if (account === undefined) return permits <= this.budgetOf(key)
    return account.line.length === 0 && !account.paused && permits <= account.available
  }

  protected count(request: KeyedAsk<K>): void {
    const { loose, permits } = request
    if (isNothing(request)) return
    const account = (request.account ??= this.accountOf(request.key as K))
    account.taken += permits
    this.taken += permits
    if (loose) account.loose += permits
    else account.holds++
  }

  override enter(request: KeyedAsk<K>, scheduler: Scheduler, resume: (effect: AnyEffect) => void): boolean {
    // before anything changes: a function of the caller's may throw
    request.account = this.accountOf(request.key as K)
    return super.enter(request, scheduler, resume)
  }

  protected join(request: KeyedAsk<K>): void {
    const account = request.account!
    account.line.join(request)
    this.waiting++
    this.changed(account)
    this.serve()
  }

  protected undo(request: KeyedAsk<K>, state: "waiting" | "aside" | "held"): void {
    const { permits } = request
    const account = request.account!
    if (state === "held") {
      if (isNothing(request)) return
      account.taken -= permits
      this.taken -= permits
      if (request.loose) account.loose -= permits
      else account.holds--
    } else {
      this.waiting--
      account.leave(request, state)
    }
    this.changed(account)
    this.serve()
  }

  /** Keeps the account where it belongs: in the ring, out of it, or nowhere when nobody uses the key any more. */
  private changed(account: Account<K>): void {
    account.setAside(this.limitOf(account))
    const { isReady } = account
    if (isReady && !account.inRing) this.ring.enter(account)
    if (!isReady && account.inRing) this.ring.leave(account)
    if (account.isIdle) this.accounts.delete(account.key)
  }

  private serve(): void {
    for (let account = this.ring.next(); account !== undefined; account = this.ring.next()) {
      const head = account.line.head!
      if (!this.fits(head.permits)) return
      account.line.leave(head)
      account.saved -= head.permits
      this.waiting--
      this.grant(head)
      this.changed(account)
    }
  }
}

/** A loose hold of nothing is never given back: it does not keep its key in use, whose account may be another by now. */
const isNothing = ({ loose, permits }: { readonly loose: boolean; readonly permits: number }): boolean =>
  loose && permits === 0
