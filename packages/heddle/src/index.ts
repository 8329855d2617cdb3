/**
 * @since 0.1.0
 */
export * as Pipeline from "./Pipeline.ts"
export * as RateLimit from "./RateLimit.ts"
export * as WeightedSemaphore from "./WeightedSemaphore.ts"
