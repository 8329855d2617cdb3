/** Arguments that a run may change without another one seeing it. */

/**
 * Copies what mutable data is made of, as deep as it goes: arrays, plain objects, maps, sets, dates, binary data.
 * Everything else is shared. An instance of a class may be known by its identity or keep private fields, so
 * `structuredClone`, which makes a plain object of it, would give the operation something else than its schema says.
 */
export const copyOf = <A>(value: A): A => copy(value, undefined) as A

type Copies = Map<object, unknown>

const copy = (value: unknown, copies: Copies | undefined): unknown => {
  if (typeof value !== "object" || value === null) return value
  const known = copies?.get(value)
  if (known !== undefined) return known
  const made = copies ?? new Map<object, unknown>()
  const keep = <B>(empty: B): B => {
    made.set(value, empty)
    return empty
  }
  if (Array.isArray(value)) {
    const array = keep<Array<unknown>>([])
    for (const element of value) array.push(copy(element, made))
    return array
  }
  if (value instanceof Map) {
    const map = keep(new Map<unknown, unknown>())
    for (const [key, element] of value) map.set(copy(key, made), copy(element, made))
    return map
  }
  if (value instanceof Set) {
    const set = keep(new Set<unknown>())
    for (const element of value) set.add(copy(element, made))
    return set
  }
  if (value instanceof Date || value instanceof ArrayBuffer || ArrayBuffer.isView(value))
    return keep(structuredClone(value))
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) return value
  const object = keep<object>(Object.create(prototype))
  for (const key of Reflect.ownKeys(value)) {
    const field = Object.getOwnPropertyDescriptor(value, key)!
    Object.defineProperty(object, key, "value" in field ? { ...field, value: copy(field.value, made) } : field)
  }
  return object
}
