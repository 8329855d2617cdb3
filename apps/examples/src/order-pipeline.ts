/** Orders are validated, enriched by a service that allows so many calls, and transformed; a crash loses none. */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as KeyValueStore from "effect/persistence/KeyValueStore"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import * as Pipeline from "heddle/Pipeline"
import * as RateLimit from "heddle/RateLimit"
import * as RateLimiter from "heddle/RateLimiter"

import { printed } from "./support/run.ts"

interface Order {
  readonly customer: string
  readonly amount: number
}
class InvalidOrder extends Data.TaggedError("InvalidOrder")<{ readonly line: string }> {}
class ServiceBusy extends Data.TaggedError("ServiceBusy")<{}> {}

const lines = Array.from({ length: 60 }, (_, n) => (n % 20 === 7 ? `broken ${n}` : `customer-${n % 4} ${n}`))

const validate = (line: string) => {
  const [customer = "", amount] = line.split(" ")
  return customer.startsWith("customer-")
    ? Effect.succeed<Order>({ customer, amount: Number(amount) })
    : Effect.fail(new InvalidOrder({ line }))
}

let calls = 0
const enrich = (order: Order) =>
  Effect.suspend(() =>
    ++calls % 10 === 0 ? Effect.fail(new ServiceBusy()) : Effect.as(Effect.yieldNow, { ...order, tier: "gold" })
  )

const transform = (order: Order & { readonly tier: string }) =>
  Effect.succeed(`${order.customer} (${order.tier}): ${order.amount}`)

export const program = Effect.gen(function* () {
  const limiter = yield* RateLimiter.make({ limit: RateLimit.tokenBucket({ limit: 500, interval: "1 second" }) })
  const letters: Array<string> = []
  const written: Array<string> = []

  const orders = Pipeline.from(Stream.fromIterable(lines)).pipe(
    Pipeline.checkpoint({ key: "orders" }),
    Pipeline.stage("validate", validate, {
      onError: { deadLetter: ({ error }) => Effect.sync(() => letters.push(error.line)) }
    }),
    Pipeline.stage("enrich", enrich, {
      concurrency: 8,
      key: ({ customer }) => customer,
      limiter,
      retry: Schedule.recurs(3),
      timeout: "1 second"
    }),
    Pipeline.stage("transform", transform)
  )

  // the process dies in the middle, and is started again
  const run = (crashAt: number) =>
    Pipeline.runForEach(orders, (line) =>
      written.length === crashAt ? Effect.die("power failure") : Effect.sync(() => written.push(line))
    )
  calls = 0
  yield* Effect.exit(run(25))
  yield* run(Infinity)

  return [
    `written: ${written.length}, of which different: ${new Set(written).size}`,
    `dead letters: ${letters.join(", ")}`
  ]
}).pipe(Effect.provide(KeyValueStore.layerMemory))

if (import.meta.main) await printed(program)
