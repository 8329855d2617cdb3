/** Where the gate of a limiter is: there always, or with the key for as long as that needs one. */
import type { Gate, Rules } from "./gate.ts"
import type { Gates, MemoryGates } from "./gates.ts"
import type { MemoryGate } from "./memoryGate.ts"

export interface Source<G extends Gate> {
  readonly rules: Rules
  /** To stand in line there. */
  readonly gate: () => G
  /** To look at it, no longer. */
  readonly with: <A>(f: (gate: G) => A) => A
  /** It has to be remembered from now on. */
  readonly keep: (gate: G) => void
}

/** One that is kept in memory can take without a gate. */
export interface MemorySource extends Source<MemoryGate> {
  readonly canTake: (n: number, priority: number) => boolean
  readonly takeNow: (n: number, priority: number) => boolean
  readonly takeAgain: (n: number, priority: number) => boolean
}

export const only = <G extends Gate>(gate: G): Source<G> => ({
  rules: gate.rules,
  gate: () => gate,
  with: (f) => f(gate),
  keep: () => {}
})

export const onlyInMemory = (gate: MemoryGate): MemorySource => ({
  ...only(gate),
  canTake: (n, priority) => gate.canTake(n, priority),
  takeNow: (n, priority) => gate.takeNow(n, priority),
  takeAgain: (n, priority) => gate.takeAgain(n, priority)
})

export const ofKey = <K, G extends Gate>(gates: Gates<K, G>, key: K): Source<G> => ({
  rules: gates.rules,
  gate: () => gates.gateOf(key),
  with: (f) => gates.with(key, f),
  keep: (gate) => gates.keep(gate)
})

export const ofKeyInMemory = <K>(gates: MemoryGates<K>, key: K): MemorySource => ({
  ...ofKey(gates, key),
  canTake: (n, priority) => gates.canTake(key, n, priority),
  takeNow: (n, priority) => gates.takeNow(key, n, priority),
  takeAgain: (n, priority) => gates.takeAgain(key, n, priority)
})
