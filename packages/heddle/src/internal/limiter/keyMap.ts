/**
 * A map that never pauses. A `Map` of a million keys stops for more than 100 ms when it grows, and for 10 ms when it shrinks;
 * this one is many small ones, of which an insertion splits one now and then (linear hashing). And it can be walked a few
 * entries at a time while it changes. Keys are the same when Effect's `Equal` says so.
 */
import * as Hash from "effect/Hash"

import { isPrimitive, StructuralMap } from "../structuralMap.ts"

/** Entries per small map, on average. */
const bucketSize = 256

export class KeyMap<K, V> {
  size = 0
  private readonly buckets: Array<StructuralMap<K, V>> = [new StructuralMap()]
  /** The largest power of two that is not above the number of buckets. */
  private level = 1
  private hand = 0
  private walk: IterableIterator<[K, V]> | undefined = undefined

  get(key: K): V | undefined {
    return this.bucketOf(key).get(key)
  }

  set(key: K, value: V): void {
    const bucket = this.bucketOf(key)
    const before = bucket.size
    bucket.set(key, value)
    this.size += bucket.size - before
    if (this.size > this.buckets.length * bucketSize) this.split()
  }

  delete(key: K): void {
    const bucket = this.bucketOf(key)
    const before = bucket.size
    bucket.delete(key)
    this.size -= before - bucket.size
  }

  /** Visits the next entries, so many at most, and each entry once in a round. They may be deleted as they are visited. */
  visit(count: number, each: (key: K, value: V) => void): void {
    for (let left = Math.min(count, this.size), passed = 0; left > 0 && passed <= this.buckets.length;) {
      this.walk ??= this.buckets[this.hand % this.buckets.length]!.entries()
      const next = this.walk.next()
      if (next.done === true) {
        this.hand = (this.hand + 1) % this.buckets.length
        this.walk = undefined
        passed++
        continue
      }
      left--
      each(next.value[0], next.value[1])
    }
  }

  private bucketOf(key: K): StructuralMap<K, V> {
    const { buckets, level } = this
    if (buckets.length === 1) return buckets[0]!
    const hash = hashOf(key)
    const index = hash & (2 * level - 1)
    return buckets[index < buckets.length ? index : hash & (level - 1)]!
  }

  private split(): void {
    const { buckets, level } = this
    const source = buckets[buckets.length - level]!
    const target = new StructuralMap<K, V>()
    const index = buckets.push(target) - 1
    if (buckets.length === 2 * level) this.level = buckets.length
    for (const [key, value] of source.entries()) {
      if ((hashOf(key) & (2 * level - 1)) !== index) continue
      source.delete(key)
      target.set(key, value)
    }
  }
}

const mixed = (hash: number): number => {
  const once = Math.imul(hash ^ (hash >>> 16), 0x85_eb_ca_6b)
  return (once ^ (once >>> 13)) & 0x7f_ff_ff_ff
}

const hashOf = (key: unknown): number => {
  if (!isPrimitive(key)) return mixed(Hash.hash(key))
  if (typeof key === "number" && Number.isInteger(key)) return mixed(key)
  const text = String(key)
  let hash = 0
  for (let index = 0; index < text.length; index++) hash = (Math.imul(hash, 31) + text.charCodeAt(index)) | 0
  return mixed(hash)
}
