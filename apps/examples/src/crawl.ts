/** Links that lead to links, two pages at a time, and a source without a length: what an errgroup with a limit cannot do. */
import * as Effect from "effect/Effect"
import * as ErrorGroup from "heddle/ErrorGroup"

import { printed } from "./support/run.ts"

const links = (page: number): ReadonlyArray<number> => [page * 3 + 1, page * 3 + 2, page * 3 + 3].filter((n) => n < 40)

function* sizes(count: number) {
  for (let size = 1; size <= count; size++) yield size
}

export const program = Effect.gen(function* () {
  const seen = new Set<number>()
  const requests = { now: 0, most: 0 }

  const fetch = (page: number) =>
    Effect.gen(function* () {
      requests.most = Math.max(requests.most, ++requests.now)
      yield* Effect.sleep("1 millis")
      requests.now--
      return links(page)
    })

  const crawl = (group: ErrorGroup.ErrorGroup<never>, page: number): Effect.Effect<void> =>
    Effect.gen(function* () {
      seen.add(page)
      for (const link of yield* fetch(page)) {
        if (!seen.has(link)) yield* ErrorGroup.go(group, crawl(group, link))
      }
    })

  yield* ErrorGroup.run({ concurrency: 2 })((group) => crawl(group, 0))

  let total = 0
  yield* ErrorGroup.forEach(sizes(1_000_000), (size) => Effect.sync(() => (total += size)), { concurrency: 10 })

  return [`${seen.size} pages, at most ${requests.most} requests at once`, `1000000 sizes, ${total} bytes`]
})

if (import.meta.main) await printed(program)
