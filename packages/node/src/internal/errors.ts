/** What can become of a task besides its own failures. `ThreadPool` documents and exports them. */
import * as Schema from "effect/Schema"

const facts = {
  /** The name of the pool, where it has one. */
  pool: Schema.UndefinedOr(Schema.String),
  /** The task that ran: its name, and the URL of its module. */
  task: Schema.String,
  module: Schema.String
}

/**
 * The task ended its thread: by an error outside of its own call (an unhandled rejection, a timer), by `process.exit`, or by a
 * crash of Node.js. The thread has been replaced.
 *
 * @since 0.1.0
 * @category errors
 */
export class ThreadCrashed extends Schema.TaggedError<ThreadCrashed>()("ThreadCrashed", {
  ...facts,
  exitCode: Schema.Number,
  /** What the thread said, where it said anything. */
  reason: Schema.UndefinedOr(Schema.String)
}) {
  override get message(): string {
    const why = this.reason === undefined ? "" : `: ${this.reason}`
    return `the task ${JSON.stringify(this.task)} of ${this.module} ended its thread with exit code ${this.exitCode}${why}`
  }
}

/**
 * The task needed more memory than its thread may have. The thread has been replaced.
 *
 * @since 0.1.0
 * @category errors
 */
export class ThreadOutOfMemory extends Schema.TaggedError<ThreadOutOfMemory>()("ThreadOutOfMemory", {
  ...facts,
  /** The limit of the heap in megabytes, where the pool was given one. */
  maxOldGenerationSizeMb: Schema.UndefinedOr(Schema.Number)
}) {
  override get message(): string {
    const limit = this.maxOldGenerationSizeMb === undefined ? "" : ` (${this.maxOldGenerationSizeMb} MB)`
    return `the task ${JSON.stringify(this.task)} of ${this.module} needed more memory than its thread may have${limit}`
  }
}

/**
 * A thread could not be started. From `make`: no pool. From a task: all threads have ended, and none could be started again.
 *
 * @since 0.1.0
 * @category errors
 */
export class ThreadStartFailed extends Schema.TaggedError<ThreadStartFailed>()("ThreadStartFailed", {
  pool: Schema.UndefinedOr(Schema.String),
  reason: Schema.String
}) {
  override get message(): string {
    return `a thread cannot be started: ${this.reason}`
  }
}

/**
 * @since 0.1.0
 * @category errors
 */
export type ThreadFailure = ThreadCrashed | ThreadOutOfMemory | ThreadStartFailed
