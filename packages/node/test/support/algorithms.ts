/** Recursive algorithms, for threads and for one thread alone. */
import * as ThreadTask from "../../src/ThreadTask.ts"

const here = import.meta.url

const insertionSort = (data: Float64Array, from: number, to: number) => {
  for (let index = from + 1; index < to; index++) {
    const value = data[index]!
    let at = index - 1
    while (at >= from && data[at]! > value) data[at + 1] = data[at--]!
    data[at + 1] = value
  }
}

const median = (a: number, b: number, c: number) => Math.max(Math.min(a, b), Math.min(Math.max(a, b), c))

/** Where the upper part begins. */
const partition = (data: Float64Array, from: number, to: number): number => {
  const pivot = median(data[from]!, data[(from + to) >> 1]!, data[to - 1]!)
  let low = from
  let high = to - 1
  for (;;) {
    while (data[low]! < pivot) low++
    while (data[high]! > pivot) high--
    if (low >= high) return Math.max(high + 1, from + 1) === to ? high : high + 1
    const swap = data[low]!
    data[low++] = data[high]!
    data[high--] = swap
  }
}

const sortAlone = (data: Float64Array, from: number, to: number): void => {
  if (to - from <= 24) {
    insertionSort(data, from, to)
    return
  }
  const middle = partition(data, from, to)
  sortAlone(data, from, middle)
  sortAlone(data, middle, to)
}

type Range = readonly [from: number, to: number]

const sortTogether = (data: Float64Array, [from, to]: Range, scope: ThreadTask.ForkScope<Range>): number => {
  if (to - from <= 2_000) {
    sortAlone(data, from, to)
    return 0
  }
  const middle = partition(data, from, to)
  const lower = scope.fork(from, middle)
  sortTogether(data, [middle, to], scope)
  return scope.join(lower)
}

export const quicksort = ThreadTask.defineForkJoin(here, "quicksort", sortTogether)

type Node = readonly [node: number]

/** Sums the values of a binary tree, in which the children of `n` are `2n + 1` and `2n + 2`. */
const sumTogether = (tree: Int32Array, [node]: Node, scope: ThreadTask.ForkScope<Node>): number => {
  if (node >= tree.length) return 0
  const left = scope.fork(2 * node + 1)
  const right = sumTogether(tree, [2 * node + 2], scope)
  return tree[node]! + scope.join(left) + right
}

export const treeSum = ThreadTask.defineForkJoin(here, "treeSum", sumTogether)

export const faulty = ThreadTask.defineForkJoin(
  here,
  "faulty",
  (at: number, [depth, place]: readonly [depth: number, place: number], { fork, join }) => {
    if (place === at) throw new RangeError(`no ${place}`)
    if (depth === 0) return 1
    const left = fork(depth - 1, 2 * place)
    const right = fork(depth - 1, 2 * place + 1)
    return join(right) + join(left)
  }
)

export const careless = ThreadTask.defineForkJoin(here, "careless", (_: undefined, [depth]: Node, { fork }) => {
  if (depth > 0) fork(depth - 1)
  return 0
})

/** Counts leaves for ever, unless it is told to stop. */
export const endless = ThreadTask.defineForkJoin(
  here,
  "endless",
  (began: Int32Array, [depth]: Node, { fork, join }) => {
    Atomics.add(began, 0, 1)
    Atomics.notify(began, 0)
    for (;;) {
      const other = fork(depth)
      join(other)
    }
  }
)

/** Ends the thread on which the leaf runs. */
export const deadly = ThreadTask.defineForkJoin(here, "deadly", (_: undefined, [depth]: Node, { fork, join }) => {
  if (depth === 0) process.exit(9)
  const other = fork(depth - 1)
  return join(other)
})
