/**
 * @since 0.1.0
 */
export * as Bulkhead from "./Bulkhead.ts"
export * as KeyedSemaphore from "./KeyedSemaphore.ts"
export * as Pipeline from "./Pipeline.ts"
export * as WeightedSemaphore from "./WeightedSemaphore.ts"
