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
  [
    "internal/defect",
    "internal/children",
    "internal/grpcTimeout",
    "internal/effectLast",
    "internal/handle",
    "internal/latencyWindow",
    "internal/cursor",
    "internal/readiness",
    "internal/structuralMap"
  ],
  [
    "internal/waitLine",
    "internal/readyRing",
    "internal/observer",
    "internal/deadline",
    "internal/round",
    "internal/policy"
  ],
  ["internal/search", "internal/latestLatencies", "internal/stack"],
  ["internal/judges"],
  ["internal/priorityLine", "internal/turns", "internal/limits/algorithm", "internal/limits/rate"],
  ["internal/turnstile"],
  ["internal/limits/buckets", "internal/limits/windows", "internal/limits/slidingLog", "internal/limits/compound"],
  ["internal/limits/model"],
  ["internal/limits/interpret"],
  ["RateLimit", "AdaptiveLimit"],
  [
    "internal/permits",
    "internal/account",
    "internal/limiter/durations",
    "internal/limiter/errors",
    "internal/limiter/ticks",
    "internal/limiter/deadlines",
    "internal/limiter/keyMap",
    "internal/limiter/headers",
    "RateLimitCases",
    "internal/region",
    "internal/budget",
    "internal/flight",
    "internal/slots",
    "internal/tally",
    "internal/selection"
  ],
  ["internal/boundedPermits", "internal/keyedPermits"],
  ["internal/limiter/accounts", "internal/limiter/timekeeper", "internal/limiter/model"],
  ["internal/limiter/place"],
  ["internal/limiter/gate"],
  ["internal/limiter/memoryGate", "internal/limiter/sharedGate", "internal/limiter/memoryStore"],
  ["internal/limiter/gates", "RateLimiterStore"],
  ["internal/limiter/source", "RateLimiterLaws"],
  ["internal/limiter/limiter"],
  ["internal/limiter/keyed", "internal/limiter/branch"],
  ["internal/hedging", "internal/tasks", "internal/branch"],
  ["internal/group", "internal/forEach"],
  ["internal/groupForms"],
  ["internal/pool/model", "internal/pool/entry", "internal/histogram", "internal/batches"],
  [
    "internal/pool/enclosing",
    "internal/pool/crew",
    "internal/pool/backlog",
    "internal/pool/books",
    "internal/pool/starts",
    "internal/pool/policies",
    "internal/pool/workerState"
  ],
  ["internal/pool/keyed", "internal/pool/stealing", "internal/pool/core"],
  ["internal/pool/nesting", "internal/pool/attempt"],
  ["internal/pool/job", "internal/pool/options"],
  ["internal/pool/run"],
  ["internal/pool/pool"],
  ["WeightedSemaphore", "RateLimiter", "ErrorGroup", "SingleFlight", "Hedge", "RetryBudget", "Deadline"],
  ["KeyedSemaphore", "Bulkhead", "AdaptiveLimiter", "Select", "WorkerPool", "Batcher"],
  [
    "internal/pipeline/engine",
    "internal/pipeline/failures",
    "internal/pipeline/forks",
    "internal/pipeline/lanes",
    "internal/pipeline/meter",
    "internal/pipeline/model",
    "internal/pipeline/positions",
    "internal/pipeline/results",
    "internal/pipeline/run",
    "internal/pipeline/tracked"
  ],
  [
    "internal/pipeline/attempt",
    "internal/pipeline/description",
    "internal/pipeline/intake",
    "internal/pipeline/ledger",
    "internal/pipeline/merging",
    "internal/pipeline/progress",
    "internal/pipeline/reduction",
    "internal/pipeline/stageConfig",
    "internal/pipeline/worker"
  ],
  [
    "internal/pipeline/batching",
    "internal/pipeline/joining",
    "internal/pipeline/outcomes",
    "internal/pipeline/splitting"
  ],
  ["internal/pipeline/stage"],
  [
    "internal/pipeline/stageLink",
    "internal/pipeline/running",
    "internal/pipeline/figures",
    "internal/pipeline/delivery",
    "internal/pipeline/shapes"
  ],
  ["Pipeline", "Inspector", "WorkerPoolLaws"]
]

/** Modules that are the inside of one other module. */
export const onlyFor: ReadonlyMap<string, string> = new Map([
  ["internal/keyedPermits", "KeyedSemaphore"],
  ["internal/account", "internal/keyedPermits"],
  ["internal/judges", "AdaptiveLimit"],
  ["internal/latestLatencies", "AdaptiveLimiter"],
  ["internal/region", "Deadline"],
  ["internal/flight", "SingleFlight"],
  ["internal/hedging", "Hedge"],
  ["internal/grpcTimeout", "Deadline"],
  ["internal/forEach", "internal/groupForms"],
  ["internal/groupForms", "ErrorGroup"],
  ["internal/readiness", "Select"],
  ["internal/branch", "Select"],
  ["internal/batches", "Batcher"],
  ["internal/pool/pool", "WorkerPool"]
])
