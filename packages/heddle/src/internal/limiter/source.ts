/** Where the gate of a limiter is: there always, or with the key for as long as that needs one. */
import type { Gate, Rules } from "./gate.ts"
import type { Gates, MemoryGates } from "./gates.ts"
import type { MemoryGate } from "./memoryGate.ts"

export interface Source<G extends Gate> {
  readonly rules: Rules
  /** To stand in line there. */
  gate(): G
  /** To look at it, no longer. */
  with<A>(f: (gate: G) => A): A
  /** It has to be remembered from now on. */
  keep(gate: G): void
}

/** One that is kept in memory can take without a gate. */
export interface MemorySource extends Source<MemoryGate> {
  canTake(n: number, priority: number): boolean
  takeNow(n: number, priority: number): boolean
}

export class Only<G extends Gate> implements Source<G> {
  readonly rules: Rules
  protected readonly only: G

  constructor(gate: G) {
    this.rules = gate.rules
    this.only = gate
  }

  gate(): G {
    return this.only
  }

  with<A>(f: (gate: G) => A): A {
    return f(this.only)
  }

  keep(): void {}
}

export class OnlyInMemory extends Only<MemoryGate> implements MemorySource {
  canTake(n: number, priority: number): boolean {
    return this.only.canTake(n, priority)
  }

  takeNow(n: number, priority: number): boolean {
    return this.only.takeNow(n, priority)
  }
}

export class OfKey<K, G extends Gate, S extends Gates<K, G> = Gates<K, G>> implements Source<G> {
  readonly rules: Rules
  protected readonly gates: S
  protected readonly key: K

  constructor(gates: S, key: K) {
    this.rules = gates.rules
    this.gates = gates
    this.key = key
  }

  gate(): G {
    return this.gates.gateOf(this.key)
  }

  with<A>(f: (gate: G) => A): A {
    return this.gates.with(this.key, f)
  }

  keep(gate: G): void {
    this.gates.keep(gate)
  }
}

export class OfKeyInMemory<K> extends OfKey<K, MemoryGate, MemoryGates<K>> implements MemorySource {
  canTake(n: number, priority: number): boolean {
    return this.gates.canTake(this.key, n, priority)
  }

  takeNow(n: number, priority: number): boolean {
    return this.gates.takeNow(this.key, n, priority)
  }
}
