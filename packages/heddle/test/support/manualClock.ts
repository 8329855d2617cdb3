/** A clock that stands still until it is moved, for tests that own their scheduler too. */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"

export class ManualClock implements Clock.Clock {
  private now = 0n
  private sleepers: Array<{ readonly until: bigint; readonly wake: () => void }> = []

  readonly provide = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.provideService(effect, Clock.Clock, this)

  /** Wakes those whose time has come, the earliest first. */
  advance(millis: number): void {
    const until = this.now + BigInt(millis) * 1_000_000n
    for (;;) {
      const next = this.sleepers.filter((one) => one.until <= until).toSorted((a, b) => Number(a.until - b.until))[0]
      if (next === undefined) break
      this.sleepers = this.sleepers.filter((one) => one !== next)
      this.now = next.until
      next.wake()
    }
    this.now = until
  }

  get sleeping(): number {
    return this.sleepers.length
  }

  sleep(duration: Duration.Duration): Effect.Effect<void> {
    return Effect.callback<void>((resume) => {
      const sleeper = { until: this.now + Duration.toNanosUnsafe(duration), wake: () => resume(Effect.void) }
      this.sleepers.push(sleeper)
      return Effect.sync(() => {
        this.sleepers = this.sleepers.filter((one) => one !== sleeper)
      })
    })
  }

  currentTimeMillisUnsafe = () => Number(this.now / 1_000_000n)
  currentTimeNanosUnsafe = () => this.now
  monotonicTimeNanosUnsafe = () => this.now
  currentTimeMillis = Effect.sync(this.currentTimeMillisUnsafe)
  currentTimeNanos = Effect.sync(this.currentTimeNanosUnsafe)
  monotonicTimeNanos = Effect.sync(this.monotonicTimeNanosUnsafe)
}
