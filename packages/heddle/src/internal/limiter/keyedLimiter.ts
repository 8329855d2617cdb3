/** The handle of limits by key. */
import * as Inspectable from "effect/Inspectable"
import * as Pipeable from "effect/Pipeable"

import type { Gate } from "./gate.ts"
import type { Gates } from "./gates.ts"
import type { AnyLimiter } from "./limiter.ts"
import { KeyedTypeId } from "./model.ts"

export class KeyedLimiter<K, G extends Gate> extends Inspectable.Class {
  readonly [KeyedTypeId]: { readonly forKey: (key: K) => AnyLimiter; readonly stats: Gates<K, G>["stats"] }
  private readonly gates: Gates<K, G>

  constructor(gates: Gates<K, G>, forKey: (key: K) => AnyLimiter) {
    super()
    this.gates = gates
    this[KeyedTypeId] = { forKey, stats: () => gates.stats() }
  }

  pipe() {
    return Pipeable.pipeArguments(this, arguments)
  }

  toJSON() {
    return { _id: "KeyedRateLimiter", name: this.gates.rules.name, ...this.gates.stats() }
  }
}
