/** How a report calls the fibers of a run. */
import type { FiberRecord } from "./fibers.ts"

/** A longer line of descent is not told in full. */
const deepest = 8

interface Name {
  readonly text: string
  readonly depth: number
}

export type Names = ReadonlyMap<FiberRecord, string>

/** root, root.1, root.1.2: numbered in the order of the forks, so the same in every schedule. */
export const fiberNames = (records: ReadonlyArray<FiberRecord>): Names => {
  const siblings = new Map<FiberRecord | undefined, Array<FiberRecord>>()
  for (const record of records) {
    const found = siblings.get(record.parent)
    if (found === undefined) siblings.set(record.parent, [record])
    else found.push(record)
  }
  const numbers = new Map<FiberRecord, number>()
  for (const children of siblings.values()) {
    const inOrder = children.toSorted((a, b) => a.forkedAt - b.forkedAt)
    for (const [index, record] of inOrder.entries()) numbers.set(record, index)
  }
  const names = new Map<FiberRecord, Name>()
  // a fiber runs before it forks another
  for (const [index, record] of records.entries()) {
    const parent = record.parent === undefined ? undefined : names.get(record.parent)
    names.set(record, nameOf(parent, numbers.get(record)!, index))
  }
  return new Map(Array.from(names, ([record, { text }]) => [record, text]))
}

const nameOf = (parent: Name | undefined, number: number, index: number): Name => {
  if (parent === undefined) return { text: number === 0 ? "root" : `root'${number}`, depth: 0 }
  const depth = parent.depth + 1
  return { text: depth > deepest ? `root…${index}` : `${parent.text}.${number + 1}`, depth }
}

/** By the numbers in their names, from the left. Not by locale, which not every machine has. */
export const byName = (a: string, b: string): number => {
  const [one, other] = [a, b].map((name) => name.split(".").map((part) => Number.parseInt(part, 10) || 0))
  const differs = one!.findIndex((number, index) => number !== other![index])
  return differs < 0 ? one!.length - other!.length : one![differs]! - (other![differs] ?? -1)
}
