import * as http from "node:http"
import type { AddressInfo } from "node:net"
import { text } from "node:stream/consumers"

/**
 * A small enricher for trying things out: says who owns a package, so many times per second.
 */
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as RateLimit from "heddle/RateLimit"
import * as RateLimiter from "heddle/RateLimiter"

import { maxPackages } from "./enricher.ts"

/** The port cannot be listened on. */
export class ListenError extends Data.TaggedError("ListenError")<{ readonly reason: string }> {
  override get message(): string {
    return `cannot listen: ${this.reason}`
  }
}

export interface Options {
  /** 0 for any that is free. */
  readonly port: number
  /** Requests per second. */
  readonly rate: number
}

/** Listens on the loopback interface until the scope closes, and gives its address. */
export const serve = Effect.fnUntraced(function* ({
  port,
  rate
}: Options): Effect.fn.Return<string, ListenError, Scope.Scope> {
  const limiter = yield* RateLimiter.make({
    limit: RateLimit.tokenBucket({ limit: rate, interval: "1 second", burst: Math.max(1, Math.ceil(rate / 10)) })
  })
  const run = Effect.runForkWith(yield* Effect.context())
  const respond = (request: http.IncomingMessage, response: http.ServerResponse) =>
    Effect.flatMap(answer(limiter, request), ({ body, headers, status }) =>
      Effect.sync(() => response.writeHead(status, headers).end(body))
    )
  const server = yield* Effect.acquireRelease(
    Effect.callback<http.Server, ListenError>((resume) => {
      const server = http.createServer((request, response) => {
        run(respond(request, response))
      })
      server.on("error", ({ message }) => resume(Effect.fail(new ListenError({ reason: message }))))
      server.listen(port, "127.0.0.1", () => resume(Effect.succeed(server)))
    }),
    (server) =>
      Effect.callback<void>((resume) => {
        server.close(() => resume(Effect.void))
        server.closeAllConnections()
      })
  )
  const address = server.address() as AddressInfo
  return `http://127.0.0.1:${address.port}`
})

// ---------------------------------------------------------------------------------------------------------------------
// machinery

interface Answer {
  readonly status: number
  readonly headers?: http.OutgoingHttpHeaders
  readonly body?: string
}

const decodeQuestion = Schema.decodeOption(
  Schema.fromJsonString(Schema.Array(Schema.String).check(Schema.isMaxLength(maxPackages)))
)

const packageName = /^(?:@([a-z0-9~-][\w.~-]*)\/)?[a-z0-9~-][\w.~-]*$/i

/** The scope of a package is its owner, and npm that of a package without. */
const ownerOf = (name: string): string | null => {
  const match = packageName.exec(name)
  return match === null ? null : (match[1] ?? "npm")
}

const answer = Effect.fnUntraced(function* (limiter: RateLimiter.RateLimiter, request: http.IncomingMessage) {
  const body = yield* Effect.option(Effect.tryPromise(() => text(request)))
  if (!(yield* RateLimiter.takeIfAvailable(limiter))) {
    const wait = Math.ceil(Duration.toSeconds(yield* RateLimiter.peek(limiter)))
    return { status: 429, headers: { "retry-after": `${wait}` } } satisfies Answer
  }
  const question = Option.flatMap(body, decodeQuestion)
  if (Option.isNone(question)) return { status: 400 }
  return {
    status: 200,
    headers: { "content-type": "application/json" },
    body: JSON.stringify(question.value.map(ownerOf))
  }
})
