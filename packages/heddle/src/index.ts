/**
 * @since 0.1.0
 */
export * as AdaptiveLimit from "./AdaptiveLimit.ts"
export * as AdaptiveLimiter from "./AdaptiveLimiter.ts"
export * as Pipeline from "./Pipeline.ts"
export * as WeightedSemaphore from "./WeightedSemaphore.ts"
