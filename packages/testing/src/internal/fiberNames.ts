/** How a report calls the fibers of a run. */
import type { FiberRecord } from "./fibers.ts"

/** root, root.1, root.1.2: numbered in the order of the forks, so the same in every schedule. */
export const fiberNames = (records: ReadonlyArray<FiberRecord>): ReadonlyMap<FiberRecord, string> => {
  const names = new Map<FiberRecord, string>()
  const children = new Map<FiberRecord | undefined, Array<FiberRecord>>()
  for (const record of records) {
    const siblings = children.get(record.parent)
    if (siblings === undefined) children.set(record.parent, [record])
    else siblings.push(record)
  }
  const visit = (parent: FiberRecord | undefined): void => {
    const siblings = children.get(parent)?.toSorted((a, b) => a.forkedAt - b.forkedAt) ?? []
    for (const [index, record] of siblings.entries()) {
      names.set(record, nameOf(parent === undefined ? undefined : names.get(parent), index))
      visit(record)
    }
  }
  visit(undefined)
  return names
}

const nameOf = (parent: string | undefined, index: number): string => {
  if (parent !== undefined) return `${parent}.${index + 1}`
  return index === 0 ? "root" : `root'${index}`
}
