/** The same work as tasks of heddle. */
import * as ThreadTask from "@heddle/node/ThreadTask"

import { partition, sortAlone } from "./sort.ts"
import * as work from "./work.ts"

const here = import.meta.url

export const identity = ThreadTask.define(here, "identity", { run: work.identity })
export const spin = ThreadTask.define(here, "spin", { run: work.spin })
export const touch = ThreadTask.define(here, "touch", { run: work.touch })
export const touchMoved = ThreadTask.define(here, "touchMoved", {
  run: (bytes: Uint8Array) => ThreadTask.move(work.touch(bytes))
})
export const uniform = ThreadTask.define(here, "uniform", { run: work.uniform })
export const skewed = ThreadTask.define(here, "skewed", { run: work.skewed })

type Range = readonly [from: number, to: number]

const sortTogether = (data: Float64Array, [from, to]: Range, scope: ThreadTask.ForkScope<Range>): number => {
  if (to - from <= 4_096) {
    sortAlone(data, from, to)
    return 0
  }
  const middle = partition(data, from, to)
  const lower = scope.fork(from, middle)
  sortTogether(data, [middle, to], scope)
  return scope.join(lower)
}

export const sort = ThreadTask.defineForkJoin(here, "sort", sortTogether)
