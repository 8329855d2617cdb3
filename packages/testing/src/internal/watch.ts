/**
 * What a run has begun outside of itself and not ended yet. Node tells: each timer, socket or request has a number, and
 * says within what it was begun, so that what a promise begins later belongs to the run too. Looked at through the
 * global `process`, since the package runs where there is no Node; there nothing is known to be pending.
 */

interface Hooks {
  readonly init: (id: number, type: string, trigger: number) => void
  readonly destroy: (id: number) => void
  readonly promiseResolve: (id: number) => void
}
interface AsyncHooks {
  readonly createHook: (hooks: Hooks) => { readonly enable: () => void; readonly disable: () => void }
  readonly executionAsyncId: () => number
}
interface Process {
  readonly getBuiltinModule?: (name: "node:async_hooks") => Partial<AsyncHooks> | undefined
}

const { process } = globalThis as { readonly process?: Process }

/** Of resources with other names none is real: `Microtask`, `TickObject`, and those that libraries make. */
const isReal = (type: string): boolean => /^(?:Timeout|Immediate|[A-Z\d_]+)$/.test(type)

export class Watch {
  /** Real timers, sockets, requests and the like that have not ended, held by the event loop or not. */
  private readonly real = new Set<number>()
  /** Promises that have not been settled. */
  private readonly promises = new Set<number>()
  /** Whatever may begin something that belongs to the run. */
  private readonly within = new Set<number>()
  private running = false
  private readonly hook: { readonly enable: () => void; readonly disable: () => void }

  constructor({ createHook, executionAsyncId }: AsyncHooks) {
    const { promises, real, within } = this
    this.hook = createHook({
      init: (id, type, trigger) => {
        if (!this.running && !within.has(trigger) && !within.has(executionAsyncId())) return
        within.add(id)
        if (type === "PROMISE") promises.add(id)
        else if (isReal(type)) real.add(id)
      },
      destroy(id) {
        real.delete(id)
        promises.delete(id)
      },
      promiseResolve(id) {
        promises.delete(id)
      }
    })
    this.hook.enable()
  }

  /** What `work` begins on the spot belongs to the run. */
  during<A>(work: () => A): A {
    this.running = true
    try {
      return work()
    } finally {
      this.running = false
    }
  }

  get pends(): boolean {
    return this.real.size > 0
  }
  /** A promise is pending: whoever is to settle it may have begun before the run. */
  get promised(): boolean {
    return this.promises.size > 0
  }

  stop(): void {
    this.hook.disable()
    for (const ids of [this.within, this.real, this.promises]) ids.clear()
  }
}

/** The module, where it does what it says: Bun and Deno have one whose hooks are never called. */
const asyncHooks: AsyncHooks | undefined = (() => {
  const { createHook, executionAsyncId } = process?.getBuiltinModule?.("node:async_hooks") ?? {}
  if (createHook === undefined || executionAsyncId === undefined) return undefined
  const watch = new Watch({ createHook, executionAsyncId })
  watch.during(() => clearTimeout(setTimeout(() => {}, 0)))
  const { pends } = watch
  watch.stop()
  return pends ? { createHook, executionAsyncId } : undefined
})()

export const canWatch = asyncHooks !== undefined

export const watch = (): Watch | undefined => (asyncHooks === undefined ? undefined : new Watch(asyncHooks))
