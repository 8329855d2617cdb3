/**
 * The plan of the repository, as data: which package may import which, and on which floor each module of
 * `packages/heddle/src` stands. `scripts/arch/rules.ts` reads it; nothing else decides.
 */

/** Packages that import nothing but `effect`: no Node.js builtin, no other dependency. */
export const pure: ReadonlySet<string> = new Set(["heddle", "testing"])

/** Modules of pure packages that stand on an optional peer, which whoever imports them has installed. */
export const integrations: ReadonlyMap<string, ReadonlySet<string>> = new Map([
  ["packages/testing/src/vitest.ts", new Set(["vitest", "@effect/vitest"])]
])

/** The package that others may import from their tests only. Apps, which nobody installs, may import it anywhere. */
export const testOnly = "testing"

/**
 * The arrows between packages: what a package may import besides itself. A package that is not listed is an
 * adapter and stands on `heddle` alone, so adapters cannot import each other.
 */
export const arrows: ReadonlyMap<string, ReadonlySet<string>> = new Map([
  ["heddle", new Set([testOnly])],
  ["testing", new Set<string>()]
])

export const adapterArrows: ReadonlySet<string> = new Set(["heddle", testOnly])

/**
 * The floors of `packages/heddle/src`, ground first; a module imports from the floors below its own only. Modules
 * that do not exist yet have their place already.
 */
export const floors: ReadonlyArray<ReadonlyArray<string>> = [
  ["internal/defect", "internal/keyMap"],
  ["internal/waitLine", "internal/readyRing", "internal/observer", "internal/deadline"],
  ["internal/priorityLine", "internal/turns"],
  ["RateLimit", "AdaptiveLimit", "internal/turnstile"],
  ["internal/permits", "internal/account", "internal/results"],
  ["internal/boundedPermits", "internal/keyedPermits"],
  ["WeightedSemaphore", "RateLimiter", "ErrorGroup", "SingleFlight", "Hedge", "RetryBudget", "Deadline"],
  ["KeyedSemaphore", "Bulkhead", "AdaptiveLimiter", "Select", "WorkerPool", "Batcher", "internal/stage"],
  ["Pipeline", "Inspector"]
]

/** Modules that are the inside of one other module. */
export const onlyFor: ReadonlyMap<string, string> = new Map([
  ["internal/boundedPermits", "Bulkhead"],
  ["internal/keyedPermits", "KeyedSemaphore"],
  ["internal/account", "internal/keyedPermits"],
  ["internal/stage", "Pipeline"],
  ["internal/results", "internal/stage"]
])
