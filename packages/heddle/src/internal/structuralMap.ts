/**
 * A map whose keys are the same when Effect's `Equal` says so. Primitives, which nearly all keys are, take the short way:
 * no hash, no `Option`.
 */
import * as MutableHashMap from "effect/MutableHashMap"
import * as Option from "effect/Option"

export class StructuralMap<K, V> {
  private readonly primitives = new Map<K, V>()
  // made when there is the first
  private structures: MutableHashMap.MutableHashMap<K, V> | undefined = undefined

  get size(): number {
    const { primitives, structures } = this
    return structures === undefined ? primitives.size : primitives.size + MutableHashMap.size(structures)
  }

  get(key: K): V | undefined {
    if (isPrimitive(key)) return this.primitives.get(key)
    return this.structures && Option.getOrUndefined(MutableHashMap.get(this.structures, key))
  }

  set(key: K, value: V): void {
    if (isPrimitive(key)) this.primitives.set(key, value)
    else MutableHashMap.set((this.structures ??= MutableHashMap.empty()), key, value)
  }

  delete(key: K): void {
    if (isPrimitive(key)) this.primitives.delete(key)
    else if (this.structures !== undefined) MutableHashMap.remove(this.structures, key)
  }

  values(): ReadonlyArray<V> {
    return Array.from(this.entries(), ([, value]) => value)
  }

  /** Those that are deleted before they are come to are left out. */
  entries(): IterableIterator<[K, V]> {
    return this.structures === undefined ? this.primitives.entries() : this.all(this.structures)
  }

  private *all(structures: Iterable<[K, V]>): IterableIterator<[K, V]> {
    yield* this.primitives
    yield* structures
  }
}

export const isPrimitive = (key: unknown): boolean =>
  (typeof key !== "object" && typeof key !== "function") || key === null
