/** Pools of two threads, behind one interface: each in its own shortest form, with its defaults and tuned. */
import { fileURLToPath } from "node:url"
import { Worker } from "node:worker_threads"

import * as NodeWorker from "@effect/platform-node/NodeWorker"
import * as ThreadPool from "@heddle/node/ThreadPool"
import * as ThreadTask from "@heddle/node/ThreadTask"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as RpcClient from "effect/rpc/RpcClient"
import * as Scope from "effect/Scope"
import { Piscina } from "piscina"
import { FixedThreadPool, type ThreadPoolOptions } from "poolifier"
import { Tinypool } from "tinypool"
import workerpool from "workerpool"

import { Api } from "./rpc.ts"
import * as tasks from "./tasks.ts"

export const threads = 2

export type Task = "identity" | "spin" | "touch"

/** Runs tasks, so many at a time, until there are no more; then they have all ended. */
interface Opened {
  readonly all: (task: Task, inputs: Iterator<unknown>, atATime: number) => Promise<void>
  readonly close: () => Promise<unknown>
}

export type Contender = () => Promise<Opened>

const url = (file: string) => new URL(`./${file}`, import.meta.url)
const path = (file: string) => fileURLToPath(url(file))

const promises = (
  run: (task: Task, input: unknown) => PromiseLike<unknown>,
  close: () => Promise<unknown>
): Opened => ({
  all: async (task, inputs, atATime) => {
    const one = async () => {
      // oxlint-disable-next-line no-await-in-loop -- one after the other is what each of them does
      for (let next = inputs.next(); next.done !== true; next = inputs.next()) await run(task, next.value)
    }
    await Promise.all(Array.from({ length: atATime }, one))
  },
  close
})

const effects = (
  run: (task: Task, input: unknown) => Effect.Effect<unknown, unknown>,
  scope: Scope.Closeable
): Opened => ({
  all: (task, inputs, atATime) => {
    const one = Effect.suspend(() => {
      let next = inputs.next()
      return Effect.whileLoop({
        while: () => next.done !== true,
        body: () => run(task, next.value),
        step: () => {
          next = inputs.next()
        }
      })
    })
    return Effect.runPromise(Effect.replicateEffect(one, atATime, { concurrency: "unbounded", discard: true }))
  },
  close: () => Effect.runPromise(Scope.close(scope, Exit.void))
})

const byName = { identity: tasks.identity, spin: tasks.spin, touch: tasks.touch } as Readonly<
  Record<Task, ThreadTask.ThreadTask<unknown, unknown>>
>

const heddle: Contender = async () => {
  const scope = Scope.makeUnsafe()
  const pool = await Effect.runPromise(Scope.provide(ThreadPool.make({ threads, preload: [tasks.identity] }), scope))
  return effects((task, input) => ThreadPool.run(pool, byName[task](input)), scope)
}

const heddleMoved: Contender = async () => {
  const scope = Scope.makeUnsafe()
  const pool = await Effect.runPromise(Scope.provide(ThreadPool.make({ threads, preload: [tasks.identity] }), scope))
  return effects((_, input) => ThreadPool.run(pool, tasks.touchMoved(ThreadTask.move(input as Uint8Array))), scope)
}

const rpc: Contender = async () => {
  const scope = Scope.makeUnsafe()
  const workers = RpcClient.layerProtocolWorker({ size: threads }).pipe(
    Layer.provide(NodeWorker.layer(() => new Worker(url("rpcWorker.ts"))))
  )
  const client = await Effect.runPromise(
    Layer.buildWithScope(workers, scope).pipe(
      Effect.flatMap((context) => Effect.provide(Scope.provide(RpcClient.make(Api), scope), context))
    )
  )
  return effects((_, value) => client.identity({ value: value as number }), scope)
}

const piscina =
  (concurrentTasksPerWorker: number): Contender =>
  async () => {
    const pool = new Piscina({
      filename: path("work.ts"),
      minThreads: threads,
      maxThreads: threads,
      concurrentTasksPerWorker
    })
    return promises(
      (name, input) => pool.run(input, { name }),
      () => pool.destroy()
    )
  }

const piscinaMoved: Contender = async () => {
  const pool = new Piscina({ filename: path("piscinaWork.ts"), minThreads: threads, maxThreads: threads })
  return promises(
    (name, input) => pool.run(input, { name, transferList: [(input as Uint8Array).buffer as ArrayBuffer] }),
    () => pool.destroy()
  )
}

const tinypool =
  (concurrentTasksPerWorker: number): Contender =>
  async () => {
    const pool = new Tinypool({
      filename: url("work.ts").href,
      minThreads: threads,
      maxThreads: threads,
      concurrentTasksPerWorker
    })
    return promises(
      (name, input) => pool.run(input, { name }),
      () => pool.destroy()
    )
  }

const workerpools: Contender = async () => {
  const options = { minWorkers: threads, maxWorkers: threads, workerType: "thread" as const }
  const pool = workerpool.pool(path("workerpoolWorker.ts"), options)
  return promises(
    (name, input) => pool.exec(name, [input]),
    () => Promise.resolve(pool.terminate())
  )
}

const poolifier =
  (options: ThreadPoolOptions): Contender =>
  async () => {
    const pool = new FixedThreadPool(threads, path("poolifierWorker.ts"), options)
    // its `destroy` does not always settle
    const close = async () => {
      void pool.destroy()
    }
    return promises((name, input) => pool.execute(input, name), close)
  }

const peers: Readonly<Record<string, Contender>> = {
  piscina: piscina(1),
  "piscina-tuned": piscina(32),
  tinypool: tinypool(1),
  "tinypool-tuned": tinypool(32),
  workerpool: workerpools,
  poolifier: poolifier({}),
  "poolifier-tuned": poolifier({ enableTasksQueue: true, tasksQueueOptions: { concurrency: 32 } })
}

export const contenders: Readonly<Record<string, Contender>> = { heddle, ...peers }
export const trivial: Readonly<Record<string, Contender>> = { ...contenders, "effect-rpc": rpc }
export const moving: Readonly<Record<string, Contender>> = {
  heddle: heddleMoved,
  "heddle-cloned": heddle,
  ...peers,
  "piscina-moved": piscinaMoved
}
