/**
 * @since 0.1.0
 */
export * as Explorer from "./Explorer.ts"
export * as Strategy from "./Strategy.ts"
