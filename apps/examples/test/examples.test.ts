/**
 * The programs run on the real clock, as a reader runs them: each takes about a second at most. The guide shows pieces of
 * them and what they print; both are compared with the programs.
 */
import { existsSync, readFileSync } from "node:fs"
import { basename, join } from "node:path"

import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"

import * as adaptiveLimit from "../src/adaptive-limit.ts"
import * as bulkApi from "../src/bulk-api.ts"
import * as countPrimes from "../src/count-primes.ts"
import * as crawl from "../src/crawl.ts"
import * as databaseConnections from "../src/database-connections.ts"
import * as fanOutFanIn from "../src/fan-out-fan-in.ts"
import * as fetchAllUserData from "../src/fetch-all-user-data.ts"
import * as hedgedReads from "../src/hedged-reads.ts"
import * as hugeList from "../src/huge-list.ts"
import * as memoryBudget from "../src/memory-budget.ts"
import * as orderPipeline from "../src/order-pipeline.ts"
import * as ordersByCustomer from "../src/orders-by-customer.ts"
import * as processData from "../src/process-data.ts"
import * as processItems from "../src/process-items.ts"
import * as processWithTimeout from "../src/process-with-timeout.ts"
import * as processWithWorkStealing from "../src/process-with-work-stealing.ts"
import * as rateLimit from "../src/rate-limit.ts"
import * as selectLoop from "../src/select-loop.ts"
import * as singleFlight from "../src/single-flight.ts"
import * as tenants from "../src/tenants.ts"

const programs = new Map<string, Effect.Effect<ReadonlyArray<string>, unknown>>([
  ["huge-list.ts", hugeList.program],
  ["memory-budget.ts", memoryBudget.program],
  ["tenants.ts", tenants.program],
  ["database-connections.ts", databaseConnections.program],
  ["fan-out-fan-in.ts", fanOutFanIn.program],
  ["process-data.ts", processData.program],
  ["order-pipeline.ts", orderPipeline.program],
  ["process-with-timeout.ts", processWithTimeout.program],
  ["single-flight.ts", singleFlight.program],
  ["hedged-reads.ts", hedgedReads.program],
  ["adaptive-limit.ts", adaptiveLimit.program],
  ["rate-limit.ts", rateLimit.program],
  ["fetch-all-user-data.ts", fetchAllUserData.program],
  ["crawl.ts", crawl.program],
  ["process-items.ts", processItems.program],
  ["orders-by-customer.ts", ordersByCustomer.program],
  ["process-with-work-stealing.ts", processWithWorkStealing.program],
  ["count-primes.ts", countPrimes.program],
  ["bulk-api.ts", bulkApi.program],
  ["select-loop.ts", selectLoop.program]
])

const root = join(import.meta.dirname, "../../..")
const guide = readFileSync(join(root, "docs/from-go.md"), "utf8")

/** A piece of a program: `<!-- from apps/examples/src/x.ts -->` and a block behind it, `ts` or (what it prints) `text`. */
const pieces = Array.from(
  guide.matchAll(/^<!-- from (\S+) -->\n\n?```(ts|text)\n(.*?)^```$/gms),
  ([, path = "", language = "", code = ""]) => ({ path, language, code })
)

/** The piece and the program without their indentation, so that the guide may show the inside of a function. */
const flat = (code: string) => code.replaceAll(/^[ \t]+/gm, "").trim()

// one after the other: a program that keeps the event loop busy would change what another measures
describe("the guide and the examples agree", { concurrent: false }, () => {
  it("every piece of the guide stands in its program", () => {
    for (const { code, language, path } of pieces) {
      const file = join(root, path)
      assert.isTrue(existsSync(file), path)
      if (language === "ts") assert.include(flat(readFileSync(file, "utf8")), flat(code))
    }
  })

  for (const [name, program] of programs) {
    it.live(`${name} is in the guide, with what it prints`, () =>
      Effect.gen(function* () {
        const own = pieces.filter(({ path }) => basename(path) === name)
        const output = own.find(({ language }) => language === "text")
        assert.isDefined(output)
        assert.isTrue(own.some(({ language }) => language === "ts"))
        assert.deepStrictEqual(yield* program, output.code.trimEnd().split("\n"))
      })
    )
  }
})
