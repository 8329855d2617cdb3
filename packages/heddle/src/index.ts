/**
 * @since 0.1.0
 */
export * as Pipeline from "./Pipeline.ts"
export * as RateLimit from "./RateLimit.ts"
export * as RateLimiter from "./RateLimiter.ts"
export * as RateLimiterStore from "./RateLimiterStore.ts"
export * as WeightedSemaphore from "./WeightedSemaphore.ts"
