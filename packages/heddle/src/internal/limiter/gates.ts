/** A gate per key, for as long as somebody waits there. */
import type { RateLimit } from "../limits/model.ts"
import { observe, type Subject } from "../observer.ts"
import { Account, Accounts } from "./accounts.ts"
import type { Gate, Rules, Whole } from "./gate.ts"
import { KeyMap } from "./keyMap.ts"
import { MemoryGate } from "./memoryGate.ts"
import { SharedGate, type Store } from "./sharedGate.ts"
import type { Ticks } from "./ticks.ts"

/** A look at the numbers forgets so many keys at most, so that it is never long. */
const visitsPerLook = 1024

export abstract class Gates<K, G extends Gate> implements Whole {
  readonly rules: Rules
  readonly ticks: Ticks
  private readonly gates = new KeyMap<K, G>()
  /** Those whose limit was set: it would be forgotten with them. */
  private readonly kept = new Set<G>()

  subject: Subject | undefined = undefined
  waiting = 0

  constructor(rules: Rules, ticks: Ticks) {
    this.rules = rules
    this.ticks = ticks
  }

  /** Shows it to the seam, by its name. */
  observed(): this {
    this.subject = observe("KeyedRateLimiter", this.rules.name, () => ({ ...this.stats() }))
    return this
  }

  protected abstract open(key: K): G
  protected abstract close(key: K, gate: G): void

  /** The gate of a key, if it has one now. */
  find(key: K): G | undefined {
    return this.gates.size === 0 ? undefined : this.gates.get(key)
  }

  gateOf(key: K): G {
    this.visit()
    let gate = this.find(key)
    if (gate === undefined) {
      gate = this.open(key)
      gate.partOf(this, key)
      gate.whenEmpty = () => this.closeIfIdle(key)
      this.gates.set(key, gate)
    }
    return gate
  }

  /** Looks at a key without leaving a gate behind. */
  with<A>(key: K, f: (gate: G) => A): A {
    const result = f(this.gateOf(key))
    this.closeIfIdle(key)
    return result
  }

  keep(gate: G): void {
    this.kept.add(gate)
  }

  private closeIfIdle(key: K): void {
    const gate = this.find(key)
    if (gate === undefined || !gate.isIdle || this.kept.has(gate)) return
    this.gates.delete(key)
    this.close(key, gate)
  }

  /** Penalties that are over, and reservations whose turn came and went. */
  protected visit(visits = 2): void {
    this.gates.visit(visits, (key, gate) => {
      gate.look()
      this.closeIfIdle(key)
    })
  }

  /** How many keys are remembered, and how many wait. Forgets some keys on the way. */
  stats(): { readonly keys: number; readonly waiting: number } {
    this.visit(visitsPerLook)
    return { keys: this.gates.size, waiting: this.waiting }
  }
}

export class MemoryGates<K> extends Gates<K, MemoryGate> {
  // Invariant: a key has a gate, which has its account, or an account here, or nothing.
  private readonly accounts = new Accounts<K>()
  private readonly limitOf: (key: K) => RateLimit

  constructor(rules: Rules, ticks: Ticks, limitOf: (key: K) => RateLimit) {
    super(rules, ticks)
    this.limitOf = limitOf
  }

  canTake(key: K, n: number, priority: number): boolean {
    const gate = this.find(key)
    if (gate !== undefined) return gate.canTake(n, priority)
    const now = this.ticks.now()
    return this.accountOf(key).notBefore(now, n, 0) <= now
  }

  takeNow(key: K, n: number, priority: number): boolean {
    const gate = this.find(key)
    if (gate !== undefined) return gate.takeNow(n, priority)
    const now = this.ticks.now()
    this.accounts.sweep(now)
    const known = this.accounts.get(key)
    const account = known ?? new Account(this.limitOf(key))
    const taken = account.take(now, n)
    if (taken && n > 0 && known === undefined) this.accounts.set(key, account)
    if (taken) this.subject?.spends(n, key)
    return taken
  }

  override stats() {
    this.accounts.sweep(this.ticks.now(), visitsPerLook)
    const { keys, waiting } = super.stats()
    return { keys: keys + this.accounts.size, waiting }
  }

  private accountOf(key: K): Account {
    return this.accounts.get(key) ?? new Account(this.limitOf(key))
  }

  protected open(key: K): MemoryGate {
    this.accounts.sweep(this.ticks.now())
    const account = this.accountOf(key)
    this.accounts.delete(key)
    return new MemoryGate(this.rules, this.ticks, account, false)
  }

  protected close(key: K, { account }: MemoryGate): void {
    if (!account.algorithm.isFresh(account.state, this.ticks.now())) this.accounts.set(key, account)
  }
}

export class SharedGates<K extends string> extends Gates<K, SharedGate> {
  private readonly store: Store
  private readonly limitOf: (key: K) => RateLimit

  constructor(rules: Rules, ticks: Ticks, store: Store, limitOf: (key: K) => RateLimit) {
    super(rules, ticks)
    this.store = store
    this.limitOf = limitOf
  }

  protected open(key: K): SharedGate {
    return new SharedGate(this.rules, this.ticks, this.store, key, this.limitOf(key))
  }

  protected close(): void {}
}
