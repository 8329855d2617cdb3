/** What a limiter fails with. `RateLimiter` and `RateLimiterStore` document and export them. */
import * as Duration from "effect/Duration"
import * as Schema from "effect/Schema"

const facts = {
  /** The name of the limiter, where it has one. */
  limiter: Schema.UndefinedOr(Schema.String),
  /** How many tokens were asked for. */
  n: Schema.Finite,
  /** How long one who came now and asked for as many would wait, those in line before it included. */
  retryAfter: Schema.Duration,
  /** How many stand in line. */
  waiting: Schema.Int
}

const of = (name: string | undefined): string => (name === undefined ? "" : ` ${JSON.stringify(name)}`)

const later = (retryAfter: Duration.Duration): string =>
  Duration.isFinite(retryAfter) ? `try again in ${Duration.format(retryAfter)}` : "never by the limit of now"

export class RateLimited extends Schema.TaggedError<RateLimited>()("RateLimited", facts) {
  override get message(): string {
    return `${this.n} of the rate limiter${of(this.limiter)} would take longer than allowed: ${later(this.retryAfter)}`
  }
}

export class RateLimiterFull extends Schema.TaggedError<RateLimiterFull>()("RateLimiterFull", {
  ...facts,
  maxWaiting: Schema.Int
}) {
  override get message(): string {
    return `${this.maxWaiting} wait for the rate limiter${of(this.limiter)} already: ${later(this.retryAfter)}`
  }
}
