/**
 * The machinery of `Batcher`: batches that are filled, wait for their turn, and run.
 *
 * ```
 *   open ── full, or `maxWait` is over ──▶ due ── so few run ──▶ running ── ends ──▶ over
 *    │                                      │                      │
 *    └──────── its last caller leaves ──────┴──▶ over              └─ its last caller leaves: interrupted
 * ```
 * A batch that is due and not full is still filled while it waits for its turn, so that batches are the fuller the more
 * there is to do.
 */
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as Tracer from "effect/Tracer"

import { stop } from "./children.ts"
import { CurrentDeadline } from "./deadline.ts"
import { checkCount, checkDuration, checkFunction, checkOptions, checkPositive, describe } from "./defect.ts"
import { Handle } from "./handle.ts"
import { observe, type Subject } from "./observer.ts"
import { type ReadyRing, readyRing } from "./readyRing.ts"
import { StructuralMap } from "./structuralMap.ts"
import { Waiter, WaitLine } from "./waitLine.ts"

export const TypeId = "~heddle/Batcher"

/** What it requires it has been given. */
type AnyEffect = Effect.Effect<any, any>
type AnyExit = Exit.Exit<any, any>
type AnyFiber = Fiber.Fiber<any, any>

export interface Config {
  readonly maxSize: number
  readonly maxWait: Duration.Input
  readonly maxBytes?: number | undefined
  readonly bytes?: ((item: any) => number) | undefined
  readonly concurrency?: number | undefined
  readonly key?: ((item: any) => unknown) | undefined
  readonly dedupe?: boolean | ((item: any) => unknown) | undefined
  readonly name?: string | undefined
  readonly run: (items: NonEmptyReadonlyArray<any>, key: any) => AnyEffect
}

type Caller = (exit: AnyExit) => void
/** What a caller does whose wait has ended so. */
type Leave = (exit: AnyExit) => AnyEffect | undefined

/** An item, and who wants its result. */
class Place {
  readonly item: unknown
  /** By what it is told apart, where equal ones share a place. */
  readonly identity: unknown
  readonly bytes: number
  readonly callers = new Set<Caller>()

  constructor(item: unknown, identity: unknown, bytes: number) {
    this.item = item
    this.identity = identity
    this.bytes = bytes
  }
}

class Batch extends Waiter<Batch> {
  readonly key: unknown
  state: "open" | "due" | "running" | "over" = "open"
  readonly places = new Set<Place>()
  /** By their identities, where equal ones share a place. */
  readonly equals: StructuralMap<unknown, Place> | undefined
  bytes = 0
  callers = 0
  /** A batch that runs waits for it, so it must not wait for that one's end. */
  isUrgent = false
  timer: AnyFiber | undefined = undefined
  fiber: AnyFiber | undefined = undefined

  constructor(key: unknown, dedupes: boolean) {
    super()
    this.key = key
    this.equals = dedupes ? new StructuralMap() : undefined
  }

  add(place: Place): void {
    this.places.add(place)
    this.bytes += place.bytes
    this.equals?.set(place.identity, place)
  }

  remove(place: Place): void {
    this.places.delete(place)
    this.bytes -= place.bytes
    this.equals?.delete(place.identity)
  }
}

/** The batch in which a fiber runs. */
const CurrentBatch = Context.Reference<{ readonly owner: object; readonly batch: Batch } | undefined>(
  "heddle/Batcher/CurrentBatch",
  { defaultValue: () => undefined }
)

const inherited = Context.omit(Scope.Scope, Tracer.ParentSpan, CurrentDeadline, CurrentBatch)

export class Batches extends Handle {
  readonly [TypeId]: typeof TypeId = TypeId
  private readonly config: Config
  private readonly concurrency: number
  private readonly maxBytes: number
  private readonly maxWait: Duration.Duration
  private readonly services: Context.Context<never>
  private readonly ring: ReadyRing
  /** The batches that can be filled, by their keys. */
  private readonly filling = new StructuralMap<unknown, Batch>()
  // Invariant: as many run as may, or nobody waits here.
  private readonly line = new WaitLine<Batch>()
  /** Kept, so that it is listed for as long as this lives. */
  protected readonly subject: Subject | undefined
  private waiting = 0
  private running = 0
  private batches = 0
  private items = 0

  constructor(config: Config, maker: AnyFiber) {
    const label = checkOptions("Batcher.make", config)
    super("Batcher", config.name)
    const { bytes, concurrency = Infinity, dedupe, key, maxBytes = Infinity, maxSize, maxWait, run } = config
    checkFunction(label, "run", run)
    if (key !== undefined) checkFunction(label, "key", key)
    if (bytes !== undefined) checkFunction(label, "bytes", bytes)
    if (dedupe !== undefined && typeof dedupe !== "boolean") checkFunction(label, "dedupe", dedupe)
    checkPositive(label, "maxSize", maxSize, "or Infinity")
    checkPositive(label, "maxBytes", maxBytes, "or Infinity")
    checkPositive(label, "concurrency", concurrency, "or Infinity")
    if (maxBytes < Infinity && bytes === undefined) throw new TypeError(`${label}: maxBytes needs bytes`)
    this.config = config
    this.concurrency = concurrency
    this.maxBytes = maxBytes
    this.maxWait = checkDuration(label, "maxWait", maxWait)
    this.services = inherited<never>(maker.context)
    this.ring = readyRing(maker.cache.scheduler)
    this.subject = observe("Batcher", this.name, () => this.stats())
  }

  stats() {
    const { batches, items, line, running, waiting } = this
    return { waiting, due: line.length, running, batches, items }
  }

  run(item: unknown): AnyEffect {
    return Effect.withFiber((fiber) => {
      const { dedupe, key } = this.config
      const place = new Place(item, typeof dedupe === "function" ? dedupe(item) : item, this.bytesOf(item))
      const batchKey = key?.(item)
      const ring = readyRing(fiber.cache.scheduler)
      const inside = fiber.getRef(CurrentBatch)
      const isUrgent = inside?.owner === this && inside.batch.state === "running"
      let leave: Leave | undefined
      const enter = Effect.callback<any, any>((resume) => {
        leave = this.join(batchKey, place, (exit) => ring.push(resume, exit), isUrgent)
      })
      // around the wait, so that whatever was joined is left
      return Effect.onExitPrimitive(enter, (exit) => leave?.(exit))
    })
  }

  private bytesOf(item: unknown): number {
    if (this.maxBytes === Infinity) return 0
    const bytes = this.config.bytes!(item)
    const label = this.label("run")
    checkCount(label, "bytes", bytes, "finite")
    if (bytes <= this.maxBytes) return bytes
    throw new RangeError(`${label}: an item of ${bytes} bytes fits no batch, the largest have ${this.maxBytes}`)
  }

  /** Gives how to leave again. */
  private join(key: unknown, place: Place, caller: Caller, isUrgent: boolean): Leave {
    const batch = this.batchFor(key, place)
    const joined = batch.equals?.get(place.identity) ?? place
    if (joined === place) batch.add(place)
    joined.callers.add(caller)
    batch.callers++
    this.waiting++
    batch.isUrgent ||= isUrgent
    if (batch.state === "due" || this.isFull(batch)) this.becomesDue(batch)
    return (exit) => (joined.callers.delete(caller) ? this.left(batch, joined, exit) : undefined)
  }

  /** The one that is being filled, if there is room in it. */
  private batchFor(key: unknown, { bytes, identity }: Place): Batch {
    const filling = this.filling.get(key)
    if (filling !== undefined) {
      if (filling.bytes + bytes <= this.maxBytes || filling.equals?.get(identity) !== undefined) return filling
      this.closes(filling)
      this.becomesDue(filling)
    }
    const { dedupe = false } = this.config
    const batch = new Batch(key, dedupe !== false)
    this.filling.set(key, batch)
    this.startTimer(batch)
    return batch
  }

  private startTimer(batch: Batch): void {
    if (this.config.maxSize === 1 || !Duration.isFinite(this.maxWait)) return
    const wait = Duration.isZero(this.maxWait) ? Effect.yieldNow : Effect.sleep(this.maxWait)
    const over = Effect.sync(() => {
      batch.timer = undefined
      this.becomesDue(batch)
    })
    batch.timer = Effect.runForkWith(this.services)(Effect.andThen(wait, over))
  }

  private isFull(batch: Batch): boolean {
    return batch.places.size >= this.config.maxSize || batch.bytes >= this.maxBytes
  }

  private becomesDue(batch: Batch): void {
    if (batch.state === "open") {
      batch.state = "due"
      this.line.append(batch)
    }
    if (this.isFull(batch)) this.closes(batch)
    if (batch.isUrgent) this.grant(batch)
    this.serve()
  }

  /** Nobody joins any more. */
  private closes(batch: Batch): void {
    batch.timer?.interruptUnsafe()
    batch.timer = undefined
    if (this.filling.get(batch.key) === batch) this.filling.delete(batch.key)
  }

  private serve(): void {
    for (let batch = this.line.head; batch !== undefined && this.running < this.concurrency; batch = this.line.head) {
      this.grant(batch)
    }
  }

  private grant(batch: Batch): void {
    this.line.leave(batch)
    this.closes(batch)
    batch.state = "running"
    this.running++
    // on nobody's stack; the ring only hands the batch on
    this.ring.push(this.begin as any, batch as any)
  }

  private readonly begin = (batch: Batch): void => {
    const places = [...batch.places]
    this.waiting -= batch.callers
    // all may have left since it was granted
    if (places.length === 0) return this.end(batch)
    this.batches++
    this.items += places.length
    const items = places.map(({ item }) => item) as [unknown, ...Array<unknown>]
    const context = Context.add(this.services, CurrentBatch, { owner: this, batch })
    const run = Effect.scoped(Effect.suspend(() => this.config.run(items, batch.key)))
    batch.fiber = Effect.runForkWith(context)(run)
    batch.fiber.addObserver((exit) => {
      this.deliver(places, exit)
      this.end(batch)
    })
  }

  private deliver(places: ReadonlyArray<Place>, exit: AnyExit): void {
    const exits = exit._tag === "Success" ? this.checked(exit.value, places) : places.map(() => exit)
    for (const [index, { callers }] of places.entries()) {
      for (const caller of callers) caller(exits[index]!)
    }
  }

  /** Whoever went on with what is no exit would end without his finalizers. */
  private checked(given: unknown, places: ReadonlyArray<unknown>): ReadonlyArray<AnyExit> {
    const exits = Array.isArray(given) ? (given as ReadonlyArray<unknown>) : undefined
    const died = (what: string): AnyExit => Exit.die(new TypeError(`${this.label("make")}: run gave ${what}`))
    if (exits?.length !== places.length) {
      const forAll = died(
        `${exits === undefined ? describe(given) : `${exits.length} exits`} for ${places.length} items`
      )
      return places.map(() => forAll)
    }
    return exits.map((one) => (Exit.isExit(one) ? one : died(`${describe(one)} for an item, not an exit`)))
  }

  private end(batch: Batch): void {
    batch.state = "over"
    this.running--
    this.serve()
  }

  /** Whom nobody else waits for is left out of a batch that has not begun; the last of one that has stops it. */
  private left(batch: Batch, place: Place, exit: AnyExit): AnyEffect | undefined {
    batch.callers--
    if (batch.fiber !== undefined) return batch.callers === 0 ? stop([batch.fiber], exit) : undefined
    this.waiting--
    if (place.callers.size === 0) batch.remove(place)
    if (batch.places.size === 0 && batch.state !== "running") {
      if (batch.state === "due") this.line.leave(batch)
      this.closes(batch)
      batch.state = "over"
    }
    return undefined
  }
}
