/**
 * @since 0.1.0
 */
export * as AdaptiveLimit from "./AdaptiveLimit.ts"
export * as AdaptiveLimiter from "./AdaptiveLimiter.ts"
export * as Bulkhead from "./Bulkhead.ts"
export * as Deadline from "./Deadline.ts"
export * as ErrorGroup from "./ErrorGroup.ts"
export * as Hedge from "./Hedge.ts"
export * as KeyedSemaphore from "./KeyedSemaphore.ts"
export * as Pipeline from "./Pipeline.ts"
export * as RateLimit from "./RateLimit.ts"
export * as RateLimiter from "./RateLimiter.ts"
export * as RateLimiterStore from "./RateLimiterStore.ts"
export * as RetryBudget from "./RetryBudget.ts"
export * as Select from "./Select.ts"
export * as SingleFlight from "./SingleFlight.ts"
export * as WeightedSemaphore from "./WeightedSemaphore.ts"
