/**
 * Waiting for something without taking it: each effect ends when there may be something, and looks once more in the step in
 * which it begins to listen. What Effect's own waits do when they end is to take, or to run what a `Deferred` was completed
 * with.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as MutableList from "effect/MutableList"
import * as Option from "effect/Option"
import * as PubSub from "effect/PubSub"
import type * as Queue from "effect/Queue"

/** Whether a take would not wait: whoever offers to a queue without capacity waits to be taken from. */
const isQueueReady = <A, E>({ capacity, messages, state }: Queue.Dequeue<A, E>): boolean =>
  state._tag === "Done" || messages.length > 0 || (capacity <= 0 && state.offers.size > 0)

/** Stands among the takers of a queue, in turn, and is told instead of given. (`Queue.peek` does not see who waits to offer.) */
export const queueReady = <A, E>(queue: Queue.Dequeue<A, E>): Effect.Effect<void> =>
  Effect.callback<void>((resume) => {
    const { state } = queue
    if (state._tag === "Done" || isQueueReady(queue)) return resume(Effect.void)
    const taker = { ready: () => isQueueReady(queue), resume: () => resume(Effect.void) }
    state.takers.add(taker)
    return Effect.sync(() => state.takers.delete(taker))
  })

/** What a `Deferred` was completed with may be an effect, which each `Deferred.await` runs. */
export const deferredDone = <A, E>(deferred: Deferred.Deferred<A, E>): Effect.Effect<void> =>
  Effect.callback<void>((resume) => {
    if (Deferred.isDoneUnsafe(deferred)) return resume(Effect.void)
    const told = () => resume(Effect.void)
    deferred.resumes = [...(deferred.resumes ?? []), told]
    return Effect.sync(() => {
      deferred.resumes = deferred.resumes?.filter((one) => one !== told)
    })
  })

/** Whether a take would be given a message, or interrupted, or the last message of all. */
const isSubscriptionReady = <A>(subscription: PubSub.Subscription<A>): boolean =>
  subscription.shutdownFlag.current || Option.isSome(subscription.ended.current) || hasMessage(subscription)

/** Those who wait to take come first. */
export const hasMessage = <A>(subscription: PubSub.Subscription<A>): boolean =>
  subscription.pollers.length === 0 && Option.getOrElse(PubSub.remainingUnsafe(subscription), () => 0) > 0

/**
 * A further subscriber that has nothing for itself, and is asked whether it has whenever something is published. The end
 * of a `PubSub` is told to whoever polls.
 */
export const subscriptionReady = <A>(subscription: PubSub.Subscription<A>): Effect.Effect<void> =>
  Effect.suspend(() => {
    const { shutdownHook, subscribers } = subscription
    const signal = Deferred.makeUnsafe<unknown>()
    const told = () => Deferred.doneUnsafe(signal, Exit.void)
    const watcher: PubSub.PubSub.BackingSubscription<A> = {
      isEmpty: () => told() || true,
      size: () => 0,
      poll: () => MutableList.Empty,
      pollUpTo: () => [],
      unsubscribe: () => undefined
    }
    const pollers = MutableList.make<Deferred.Deferred<unknown>>()
    MutableList.append(pollers, signal)
    const listen = Effect.suspend(() => {
      subscribers.set(watcher, new Set([pollers]))
      if (isSubscriptionReady(subscription)) return Effect.void
      return Effect.raceFirst(deferredDone(signal), shutdownHook.await)
    })
    return Effect.onExit(listen, () => Effect.sync(() => subscribers.delete(watcher)))
  })
