/**
 * CPU-bound work on every core: typed tasks on worker threads.
 *
 * @since 0.1.0
 */
export * as ThreadPool from "./ThreadPool.ts"
export * as ThreadTask from "./ThreadTask.ts"
