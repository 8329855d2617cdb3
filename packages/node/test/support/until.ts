import * as Effect from "effect/Effect"

/** Not in the library of ES2023, though Node.js has it. */
interface WaitAsync {
  readonly waitAsync: (words: Int32Array, index: number, value: number) => { readonly value: unknown }
}
const { waitAsync } = Atomics as unknown as WaitAsync

/** Waits until a word is not zero, without holding up the event loop. */
export const until = (words: Int32Array, index: number): Effect.Effect<void> =>
  Effect.promise(async () => {
    // oxlint-disable-next-line no-await-in-loop -- a word may be seen before it is set
    while (Atomics.load(words, index) === 0) await waitAsync(words, index, 0).value
  })
