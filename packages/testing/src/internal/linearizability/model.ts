/** The sequential specification that histories are compared with. */
import type * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"

/**
 * One kind of operation: how it is done to the real thing, and what it means. `State` is a value: the functions of the
 * model return another one and never change the one they are given, nor an input.
 *
 * An operation that cannot wait has one step, `respond`. One that can wait is a request and a follow-up: `request`
 * takes its place in the model's line, at the latest when its fiber is seen to wait; `respond` answers it as soon as the
 * state allows, and `undefined` until then; `cancel` takes the place away again when it is interrupted. Without a
 * `request` a waiting operation has no place in any order, and only that it is answered in the end is checked.
 *
 * @since 0.1.0
 * @category models
 */
export interface Operation<System, State, Input, R = never> {
  /** Generates the argument. Default: there is none. */
  readonly input?: Schema.Codec<Input, any> | undefined
  /** What is tested. It must not fail: turn what may be expected of it into a value. Its input is its own. */
  readonly run: (system: System, input: Input) => Effect.Effect<unknown, unknown, R>
  /** The first half of an operation that can wait. `id` tells the operations of one history apart. */
  readonly request?: ((state: State, input: Input, id: number) => State) | undefined
  /** The answer, which has to equal that of `run`, and the state after it; `undefined` while it has to wait. */
  readonly respond: (state: State, input: Input, id: number) => readonly [output: unknown, state: State] | undefined
  /** An interruption withdraws the request before it was answered. Default: the state is left as it is. */
  readonly cancel?: ((state: State, input: Input, id: number) => State) | undefined
  /**
   * An interruption came when the request had been answered and its caller did not know yet: what it was given goes
   * back. Default: that does not happen.
   */
  readonly undo?: ((state: State, input: Input, id: number) => State) | undefined
  /**
   * What an interrupted operation may have done: nothing at all (`nothing`, the default: right for everything that
   * takes), or nothing or all of it (`either`).
   */
  readonly interrupted?: "nothing" | "either" | undefined
}

/** An operation whose types do not matter any more. */
export type AnyOperation = Operation<any, any, any, any>

export type Operations = Readonly<Record<string, AnyOperation>>
