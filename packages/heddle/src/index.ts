/**
 * @since 0.1.0
 */
export * as Pipeline from "./Pipeline.ts"
export * as WeightedSemaphore from "./WeightedSemaphore.ts"
