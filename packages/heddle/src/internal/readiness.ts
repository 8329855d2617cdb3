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
import * as Queue from "effect/Queue"

/** It takes no offers any more and has nothing left: its end is due. */
const isDrained = <A, E>({ messages, state }: Queue.Dequeue<A, E>): boolean =>
  state._tag === "Closing" && messages.length === 0 && state.offers.size === 0

/** Whether a take would not wait: whoever offers to a queue without capacity waits to be taken from. */
const isQueueReady = <A, E>(queue: Queue.Dequeue<A, E>): boolean => {
  const { capacity, messages, state } = queue
  if (state._tag === "Done" || messages.length > 0 || isDrained(queue)) return true
  return capacity <= 0 && state.offers.size > 0
}

/** Ends a queue that is drained, as the taking of its last element would have done. */
const finish = <A, E>(queue: Queue.Dequeue<A, E>): void => {
  if (!isDrained(queue)) return
  MutableList.append(queue.messages, undefined)
  Queue.takeUnsafe(queue)
}

/**
 * The last element of a queue that closes ends it, and what has been taken from a queue that has ended cannot be given back;
 * who waits for the end may well be somebody who interrupts the one who takes. So the end comes a task later, or as soon as
 * somebody asks.
 */
const takeFrom = <A, E>(queue: Queue.Dequeue<A, E>): Exit.Exit<A, E> | undefined => {
  finish(queue)
  const { capacity, messages, state } = queue
  if (state._tag !== "Done" && capacity <= 0 && messages.length === 0) return takeOffer(queue, state.offers)
  if (state._tag !== "Closing" || messages.length !== 1 || state.offers.size > 0) return Queue.takeUnsafe(queue)
  queue.dispatcher.scheduleTask(() => finish(queue), 0)
  return Exit.succeed(MutableList.take(messages) as A)
}

/**
 * Of a queue without capacity. `Queue.takeUnsafe` would wake the producer on this stack, who may end the queue before he
 * interrupts the one who takes; so he goes on a task later.
 */
const takeOffer = <A, E>(
  queue: Queue.Dequeue<A, E>,
  offers: Set<Queue.Queue.OfferEntry<A>>
): Exit.Exit<A, E> | undefined => {
  const [entry] = offers
  if (entry === undefined) return undefined
  const value = entry._tag === "Single" ? entry.message : entry.remaining[entry.offset++]!
  if (entry._tag === "Single" || entry.offset === entry.remaining.length) {
    offers.delete(entry)
    queue.dispatcher.scheduleTask(() => {
      if (entry._tag === "Single") entry.resume(Exit.succeed(true))
      else entry.resume(Exit.succeed([]))
      finish(queue)
    }, 0)
  }
  return Exit.succeed(value)
}

/** To the front. What is shut down meanwhile has lost all that was in it. */
const giveBackTo = <A, E>(queue: Queue.Dequeue<A, E>, value: A): void => {
  if (queue.state._tag === "Done") return
  MutableList.prepend(queue.messages, value)
  queue.dispatcher.scheduleTask(() => Queue.flushUnsafe(queue as unknown as Queue.Queue<A, E>), 0)
}

export const fromQueue = <A, E>(queue: Queue.Dequeue<A, E>) => ({
  has: () => isQueueReady(queue),
  take: () => takeFrom(queue),
  giveBack: (value: A) => giveBackTo(queue, value),
  ready: queueReady(queue)
})

/** Stands among the takers of a queue, in turn, and is told instead of given. (`Queue.peek` does not see who waits to offer.) */
const queueReady = <A, E>(queue: Queue.Dequeue<A, E>): Effect.Effect<void> =>
  Effect.callback<void>((resume) => {
    const { state } = queue
    if (state._tag === "Done" || isQueueReady(queue)) return resume(Effect.void)
    const taker = { ready: () => isQueueReady(queue), resume: () => resume(Effect.void) }
    state.takers.add(taker)
    return Effect.sync(() => state.takers.delete(taker))
  })

type Told = () => void

/** Who is to be told of the end of a `Deferred`, in order. It is one entry there, whoever comes and goes here. */
const listeners = new WeakMap<Deferred.Deferred<any, any>, Set<Told>>()

const listenersOf = (deferred: Deferred.Deferred<any, any>): Set<Told> => {
  const known = listeners.get(deferred)
  if (known !== undefined) return known
  const told = new Set<Told>()
  listeners.set(deferred, told)
  deferred.resumes = [
    ...(deferred.resumes ?? []),
    () => {
      for (const tell of told) tell()
    }
  ]
  return told
}

/** What a `Deferred` was completed with may be an effect, which each `Deferred.await` runs. */
export const deferredDone = <A, E>(deferred: Deferred.Deferred<A, E>): Effect.Effect<void> =>
  Effect.callback<void>((resume) => {
    if (Deferred.isDoneUnsafe(deferred)) return resume(Effect.void)
    const told = () => resume(Effect.void)
    const all = listenersOf(deferred)
    all.add(told)
    return Effect.sync(() => all.delete(told))
  })

/** Whether a take would be given a message, or interrupted, or the last message of all. */
const isSubscriptionReady = <A>(subscription: PubSub.Subscription<A>): boolean =>
  subscription.shutdownFlag.current || Option.isSome(subscription.ended.current) || hasMessage(subscription)

/** Those who wait to take come first. */
const hasMessage = <A>(subscription: PubSub.Subscription<A>): boolean =>
  subscription.pollers.length === 0 && Option.getOrElse(PubSub.remainingUnsafe(subscription), () => 0) > 0

/**
 * A further subscriber that has nothing for itself, and is asked whether it has whenever something is published. The end
 * of a `PubSub` is told to whoever polls.
 */
const subscriptionReady = <A>(subscription: PubSub.Subscription<A>): Effect.Effect<void> =>
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

/** A `PubSub` has no way to take a message back. */
export const fromSubscription = <A>(subscription: PubSub.Subscription<A>) => ({
  has: () => isSubscriptionReady(subscription),
  take: () => {
    // in one step: `PubSub.take` has an operation between the taking and the giving
    if (hasMessage(subscription)) {
      return Exit.map(Effect.runSyncExit(PubSub.takeUpTo(subscription, 1)), ([message]) => message)
    }
    const { ended, shutdownFlag } = subscription
    if (shutdownFlag.current) return Exit.interrupt()
    return Option.isSome(ended.current) ? Exit.succeed(ended.current.value) : undefined
  },
  giveBack: undefined,
  ready: subscriptionReady(subscription)
})
