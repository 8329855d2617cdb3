/**
 * The one seam through which primitives are seen.
 *
 * - A primitive **without a name** has no subject: `this.subject?.…` is one load, and nothing else exists.
 * - A **name** makes it a subject: listed here weakly, and its counts are gauges in Effect's metric registry, read when
 *   somebody reads them. An operation of the primitive costs what it did.
 * - While an **observer** is attached, every subject also keeps who holds and who waits, and reports each wait, acquisition,
 *   release and abandoned wait as it happens. What began while nobody looked is in the counts and has no name.
 *
 * ```
 *   primitive ──owns──▶ Subject ◀──weakly── subjects, gauges
 *                          └── events, while attached ──▶ Observer
 * ```
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Equal from "effect/Equal"
import * as Fiber from "effect/Fiber"
import * as Metric from "effect/Metric"

/** What a primitive counts, as its `stats` names it. Each becomes a gauge, `heddle_<kind>_<count>{name}`. */
export type Counts = Readonly<Record<string, number>>

/** What somebody asks for: whatever object stands for the request while it waits and holds. */
export interface Claim {
  readonly permits: number
  /** Given back by an operation of its own, and not by the end of what holds it. */
  readonly loose: boolean
  /** Of which part of the primitive, where it has parts. */
  readonly key?: unknown
}

/** A fiber that holds or waits. */
export interface Party {
  /** The fiber's id. */
  readonly fiber: number
  /** The name of the span in which the fiber asked. */
  readonly span: string | undefined
  readonly permits: number
  /** When the hold or the wait began: milliseconds of the fiber's `Clock`. */
  readonly since: number
  readonly key?: unknown
}

export interface Parties {
  readonly name: string
  readonly holders: ReadonlyArray<Party>
  /** In the order in which they came. */
  readonly waiters: ReadonlyArray<Party>
}

export interface Event {
  readonly type: "wait" | "acquire" | "release" | "abandon"
  readonly subject: Subject
  readonly party: Party
  readonly at: number
}

export interface Observer {
  readonly onEvent: (event: Event) => void
}

const observers = new Set<Observer>()

const references = new Set<WeakRef<Subject>>()

/** The subjects that are alive, in the order in which they were made. */
export const subjects = (): ReadonlyArray<Subject> => Array.from(references, (one) => one.deref()).filter(isAlive)

const isAlive = (subject: Subject | undefined): subject is Subject => subject !== undefined

/** Switches the seam on; the result switches it off again. */
export const attach = (observer: Observer): (() => void) => {
  observers.add(observer)
  return () => void observers.delete(observer)
}

interface Registration {
  readonly reference: WeakRef<Subject>
  readonly gauges: ReadonlyArray<Metric.Registration>
}

const collected = new FinalizationRegistry<Registration>(({ gauges, reference }) => {
  references.delete(reference)
  for (const gauge of gauges) gauge.remove()
})

/** Makes a subject of whatever has a name. The primitive keeps it: it is listed for as long as the primitive lives. */
export const observe = (kind: string, name: string | undefined, counts: () => Counts): Subject | undefined => {
  if (name === undefined) return undefined
  const subject = new Subject(kind, name, counts)
  const reference = new WeakRef(subject)
  references.add(reference)
  collected.register(subject, { reference, gauges: gaugesOf(subject, reference) })
  return subject
}

/** Read when they are asked for, so no operation pays for them. */
const gaugesOf = ({ counts, kind, name }: Subject, reference: WeakRef<Subject>): ReadonlyArray<Metric.Registration> => {
  const context = Fiber.getCurrent()?.context ?? Context.empty()
  return Object.keys(counts()).map((count) => {
    const gauge = Metric.gauge(`heddle_${snakeCase(kind)}_${snakeCase(count)}`, { attributes: { name } })
    return Metric.registerUnsafe(gauge, context, reading(reference, count))
  })
}

/** The registry keeps this for ever: a function of its own, so that its closure has nothing that holds the primitive. */
const reading = (
  reference: WeakRef<Subject>,
  count: string
): Metric.Metric.Hooks<number, Metric.GaugeState<number>> => ({
  get: () => ({ value: reference.deref()?.counts()[count] ?? 0 }),
  update: () => {},
  modify: () => {}
})

const snakeCase = (name: string): string => name.replaceAll(/(?<=.)[A-Z]/g, (letter) => `_${letter}`).toLowerCase()

interface Entry {
  readonly party: Party
  readonly claim: Claim
  readonly clock: Clock.Clock
  readonly holds: boolean
}

/** One named primitive, as it is seen. Its methods do nothing while no observer is attached. */
export class Subject {
  readonly kind: string
  readonly name: string
  readonly counts: () => Counts
  private readonly entries = new Map<Claim, Entry>()

  constructor(kind: string, name: string, counts: () => Counts) {
    this.kind = kind
    this.name = name
    this.counts = counts
  }

  /** The current fiber waits. */
  waits(claim: Claim): void {
    if (observers.size > 0) this.enter(claim, false)
  }

  /** The current fiber holds, without a wait. */
  takes(claim: Claim): void {
    if (observers.size > 0) this.enter(claim, true)
  }

  /** Who waited holds. */
  serves(claim: Claim): void {
    const entry = this.entries.get(claim)
    if (entry === undefined) return
    const since = entry.clock.currentTimeMillisUnsafe()
    // from the end of those who wait to the end of those who hold
    this.entries.delete(claim)
    this.change({ ...entry, holds: true, party: { ...entry.party, since } })
    this.report("acquire", entry, entry.party.permits)
  }

  /** The current fiber has what it asked for without a wait, and holds nothing: it is spent. */
  spends(permits: number, key?: unknown): void {
    const entry = observers.size > 0 ? this.entryOf({ permits, loose: true, key }, true) : undefined
    if (entry !== undefined) this.report("acquire", entry, permits)
  }

  /** Who waited has what it asked for, and holds nothing. */
  served(claim: Claim): void {
    const entry = this.entries.get(claim)
    if (entry === undefined) return
    this.entries.delete(claim)
    this.report("acquire", entry, entry.party.permits)
  }

  /** Who waited or held does no more. */
  leaves(claim: Claim): void {
    const entry = this.entries.get(claim)
    if (entry === undefined) return
    this.entries.delete(claim)
    this.report(entry.holds ? "release" : "abandon", entry, entry.party.permits)
  }

  /**
   * The current fiber gives back loose permits. Nobody says whose: its own go first, then those that have been held
   * longest.
   */
  returns(permits: number, key?: unknown): void {
    if (this.entries.size === 0) return
    const fiber = Fiber.getCurrent()?.id
    const isOwn = ({ party }: Entry) => Number(party.fiber === fiber)
    const loose = Array.from(this.entries.values()).filter(
      ({ claim, holds, party }) => holds && claim.loose && Equal.equals(party.key, key)
    )
    let left = permits
    for (const entry of loose.toSorted((a, b) => isOwn(b) - isOwn(a))) {
      if (left === 0) return
      const { party } = entry
      const part = Math.min(left, party.permits)
      left -= part
      if (part === party.permits) this.entries.delete(entry.claim)
      else this.change({ ...entry, party: { ...party, permits: party.permits - part } })
      this.report("release", entry, part)
    }
  }

  /** Who holds and who waits; undefined while nobody looks. */
  parties(): Parties | undefined {
    if (observers.size === 0) return undefined
    const entries = Array.from(this.entries.values())
    const those = (hold: boolean) => entries.filter(({ holds }) => holds === hold).map(({ party }) => party)
    return { name: this.name, holders: those(true), waiters: those(false) }
  }

  private enter(claim: Claim, holds: boolean): void {
    const entry = this.entryOf(claim, holds)
    if (entry === undefined) return
    this.change(entry)
    this.report(holds ? "acquire" : "wait", entry, entry.party.permits)
  }

  private entryOf(claim: Claim, holds: boolean): Entry | undefined {
    const fiber = Fiber.getCurrent()
    if (fiber === undefined) return undefined
    const { span } = fiber.cache
    const clock = fiber.getRef(Clock.Clock)
    const party: Party = {
      fiber: fiber.id,
      span: span?._tag === "Span" ? span.name : undefined,
      permits: claim.permits,
      since: clock.currentTimeMillisUnsafe(),
      ...(claim.key === undefined ? {} : { key: claim.key })
    }
    return { party, claim, clock, holds }
  }

  private change(entry: Entry): void {
    this.entries.set(entry.claim, entry)
  }

  private report(type: Event["type"], { clock, party }: Entry, permits: number): void {
    const event: Event = { type, subject: this, party: { ...party, permits }, at: clock.currentTimeMillisUnsafe() }
    for (const observer of observers) observer.onEvent(event)
  }
}
