/** What the tasks do, the same for every pool. */
export const identity = (value: number): number => value

/** Computes for so many milliseconds. */
export const spin = (millis: number): number => {
  const end = performance.now() + millis
  while (performance.now() < end);
  return millis
}

/** Looks at the first and the last byte, and gives the bytes back. */
export const touch = (bytes: Uint8Array): Uint8Array => {
  bytes[0] = bytes[bytes.length - 1]! + 1
  return bytes
}

/** So many square roots. */
export const roots = (value: number, times: number): number => {
  let root = value
  for (let left = times; left > 0; left--) root = Math.sqrt(root * root + 1.000001)
  return root
}

export const uniform = (value: number): number => roots(value, 20)

/** The second half of the elements takes forty times as long as the first. */
export const elements = 4_000_000
export const skewed = (value: number): number => roots(value, value < elements / 2 ? 1 : 40)
