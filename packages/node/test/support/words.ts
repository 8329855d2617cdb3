/** Words of shared memory that one thread sets and another waits for (`until.ts`). */
export const makeWords = (length: number): Int32Array => new Int32Array(new SharedArrayBuffer(4 * length))

export const set = (words: Int32Array, index: number): void => {
  Atomics.store(words, index, 1)
  Atomics.notify(words, index)
}
