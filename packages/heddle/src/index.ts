/**
 * @since 0.1.0
 */
export * as Deadline from "./Deadline.ts"
export * as ErrorGroup from "./ErrorGroup.ts"
export * as Pipeline from "./Pipeline.ts"
export * as RetryBudget from "./RetryBudget.ts"
export * as Select from "./Select.ts"
export * as WeightedSemaphore from "./WeightedSemaphore.ts"
