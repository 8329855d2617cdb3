/**
 * What runs on a thread of a pool: takes the tasks of its inbox in order, one at a time, each after a claim that only one side
 * can win.
 *
 * A task that ends without waiting is followed by the next on the same stack. One that waits (for a promise or an effect) leaves
 * the event loop free, and the rest of the inbox stays where the pool can take it back.
 */
import { parentPort, workerData } from "node:worker_threads"

import * as current from "./current.ts"
import type { Definition, Work } from "./definition.ts"
import { Lane, Status } from "./lane.ts"
import { load, type Loaded } from "./loaded.ts"
import { transferOf } from "./moved.ts"
import type { Outcome } from "./outcome.ts"
import { codec, Op, type Posted, type Start, type ToThread } from "./protocol.ts"
import { makeStopSignal, type StopSignal } from "./stopSignal.ts"
import { Ended, perform } from "./work.ts"

const port = parentPort!
const { memory, origin, preload, watchHeap }: Start = workerData
const lane = new Lane(memory, codec)

const toPoolTime = performance.timeOrigin - origin
const now = () => performance.now() + toPoolTime

/** How long a thread goes from task to task before its event loop gets a turn, in milliseconds. */
const turn = 10
/** How often the size of the heap is noted, in milliseconds: asking takes longer than a small task. */
const heapEvery = 50

interface Known {
  readonly named: Pick<Definition, "module" | "name">
  loaded: Loaded | undefined
}

const known: Array<Known> = []

/** `slot, task, input` for each task that waits; what stands before `head` is done. */
let inbox: Array<unknown> = []
let head = 0
/** A task waits, or a turn of the event loop does. */
let busy = false
let heapNoted = 0

/** The task that runs, where it has asked how it is told to stop. */
let stopSignal: StopSignal | undefined
let stopFiber: (() => void) | undefined
let runningSlot = 0

const isStopping = () => lane.isStopping(runningSlot)

const running: current.Current = {
  interrupted: isStopping,
  signal: () => {
    stopSignal ??= makeStopSignal(isStopping)
    return stopSignal.signal
  }
}

port.on("message", (message: ToThread) => {
  switch (message[0]) {
    case Op.define: {
      const [, index, module, name] = message as readonly [number, number, string, string]
      known[index] = { named: { module, name }, loaded: undefined }
      return
    }
    case Op.stop:
      if (runningSlot === message[1] && isStopping()) {
        stopSignal?.abort()
        stopFiber?.()
      }
      return
    default:
      for (let index = 1; index < message.length; index++) inbox.push(message[index])
      if (!busy) pump()
  }
})

const pump = (): void => {
  const began = now()
  let at = began
  while (head < inbox.length) {
    const slot = inbox[head] as number
    const task = inbox[head + 1] as number
    const input = inbox[head + 2]
    head += 3
    if (!lane.begin(slot, at)) {
      leave(slot, Status.skipped, undefined)
      continue
    }
    runningSlot = slot
    current.enter(running)
    if (!attempt(slot, task, input)) {
      busy = true
      return
    }
    at = now()
    if (at - began > turn && head < inbox.length) {
      busy = true
      setImmediate(resume)
      return
    }
  }
  inbox = []
  head = 0
}

const resume = (): void => {
  busy = false
  pump()
}

/** False where the task waits. */
const attempt = (slot: number, task: number, input: unknown): boolean => {
  const { loaded } = known[indexOf(task)]!
  if (loaded === undefined) {
    void later(slot, prepare(task, input))
    return false
  }
  try {
    const result = call(loaded, task, input)
    if (!isLater(result)) {
      end(slot, Status.success, task < 0 ? result : loaded.encode(result))
      return true
    }
    void later(slot, task < 0 ? all(result) : outcomeOf(loaded, result))
    return false
  } catch (error) {
    end(slot, Status.defect, error)
    return true
  }
}

/** A `Work` is told from an input by the complement of the index. */
const indexOf = (task: number): number => (task < 0 ? ~task : task)

const call = (loaded: Loaded, task: number, input: unknown): unknown =>
  task < 0
    ? perform(loaded, known[~task]!.named, input as Work, { isLater, outcomeOf: (result) => outcomeOf(loaded, result) })
    : loaded.call(input)

/** The first task of its kind here has its module loaded first: it has begun, so if that ends the thread, it is to blame. */
const prepare = async (task: number, input: unknown): Promise<Outcome> => {
  const entry = known[indexOf(task)]!
  const loaded = (entry.loaded ??= await load(entry.named))
  const result = call(loaded, task, input)
  if (isLater(result)) return task < 0 ? all(result) : outcomeOf(loaded, result)
  return { status: Status.success, value: task < 0 ? result : loaded.encode(result) }
}

/** Promises and effects, without a look at what Effect is as long as nobody has brought one. */
const isLater = (result: unknown): boolean =>
  typeof result === "object" &&
  result !== null &&
  (typeof (result as { readonly then?: unknown }).then === "function" ||
    typeof (result as { readonly pipe?: unknown }).pipe === "function")

const outcomeOf = async ({ encode, encodeError }: Loaded, result: unknown): Promise<Outcome> => {
  if (result instanceof Promise) return { status: Status.success, value: encode(await result) }
  const effects = await import("./effects.ts")
  if (!effects.isEffect(result)) return { status: Status.success, value: encode(await result) }
  const { status, value } = await effects.outcomeOf(result, (stop) => {
    stopFiber = stop
    if (isStopping()) stop()
  })
  if (status === Status.success) return { status, value: encode(value) }
  return { status, value: status === Status.failure ? encodeError(value) : value }
}

const all = async (results: unknown): Promise<Outcome> => ({ status: Status.success, value: await results })

const later = async (slot: number, outcome: Promise<Outcome>): Promise<void> => {
  try {
    const { status, value } = await outcome
    end(slot, status, value)
  } catch (error) {
    if (error instanceof Ended) end(slot, error.outcome.status, error.outcome.value)
    else end(slot, Status.defect, error)
  }
  resume()
}

/** A task that was told to stop counts as interrupted, whatever it has made of it. */
const end = (slot: number, status: Status, value: unknown): void => {
  current.leave()
  stopSignal = undefined
  stopFiber = undefined
  const at = now()
  if (watchHeap && at - heapNoted > heapEvery) {
    heapNoted = at
    lane.noteHeap(process.memoryUsage().heapUsed)
  }
  if (lane.end(slot, at)) leave(slot, status, value)
  else leave(slot, Status.interrupted, undefined)
}

const leave = (slot: number, status: Status, value: unknown): void => {
  const transfer = transferOf(value)
  if (transfer === undefined && lane.leave(slot, status, value)) {
    if (lane.ring()) port.postMessage(null)
    return
  }
  try {
    if (transfer !== undefined) lane.post(slot, status)
    port.postMessage([slot, value] satisfies Posted, transfer)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    leave(slot, Status.defect, new Error(`its result cannot be sent from a thread: ${reason}`))
  }
}

await Promise.all(preload.map((module) => import(module)))
port.postMessage("ready")
