/** Three requests for one page: golang.org/x/sync/errgroup with a context, and what is left of it. */
import * as Effect from "effect/Effect"
import * as ErrorGroup from "heddle/ErrorGroup"

import { printed } from "./support/run.ts"

interface Unavailable {
  readonly _tag: "Unavailable"
  readonly service: string
}

/** A backend that answers after a while, or fails, and writes down who was called off. */
const makeBackend = (failing: ReadonlySet<string> = new Set()) => {
  const calledOff: Array<string> = []
  const get = <A>(service: string, millis: number, answer: A): Effect.Effect<A, Unavailable> =>
    Effect.sleep(millis).pipe(
      Effect.andThen(
        failing.has(service) ? Effect.fail({ _tag: "Unavailable" as const, service }) : Effect.succeed(answer)
      ),
      Effect.onInterrupt(() => Effect.sync(() => calledOff.push(service)))
    )
  return { calledOff, get }
}

type Backend = ReturnType<typeof makeBackend>

const fetchAllUserData = ({ get }: Backend, id: number) =>
  ErrorGroup.all(
    {
      profile: get("profile", 50, { id, name: "Ada" }),
      orders: get("orders", 5, [17, 4]),
      preferences: get("preferences", 60, { theme: "dark" })
    },
    { name: "user data" }
  )

const page = (backend: Backend) =>
  fetchAllUserData(backend, 1).pipe(
    Effect.map(({ orders, preferences, profile }) => `${profile.name}, ${orders.length} orders, ${preferences.theme}`),
    Effect.catchTag("Unavailable", ({ service }) =>
      Effect.succeed(`no ${service}; called off: ${backend.calledOff.join(", ")}`)
    )
  )

export const program = Effect.all([page(makeBackend()), page(makeBackend(new Set(["orders"])))])

if (import.meta.main) await printed(program)
