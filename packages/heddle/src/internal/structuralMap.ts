/**
 * A map whose keys are the same when Effect's `Equal` says so. Primitives, which nearly all keys are, take the short way:
 * no hash, no `Option`.
 */
import * as MutableHashMap from "effect/MutableHashMap"
import * as Option from "effect/Option"

export class StructuralMap<K, V> {
  private readonly primitives = new Map<K, V>()
  private readonly structures = MutableHashMap.empty<K, V>()

  get size(): number {
    return this.primitives.size + MutableHashMap.size(this.structures)
  }

  get(key: K): V | undefined {
    return isPrimitive(key) ? this.primitives.get(key) : Option.getOrUndefined(MutableHashMap.get(this.structures, key))
  }

  set(key: K, value: V): void {
    if (isPrimitive(key)) this.primitives.set(key, value)
    else MutableHashMap.set(this.structures, key, value)
  }

  delete(key: K): void {
    if (isPrimitive(key)) this.primitives.delete(key)
    else MutableHashMap.remove(this.structures, key)
  }

  values(): ReadonlyArray<V> {
    return [...this.primitives.values(), ...MutableHashMap.values(this.structures)]
  }
}

const isPrimitive = (key: unknown): boolean => (typeof key !== "object" && typeof key !== "function") || key === null
