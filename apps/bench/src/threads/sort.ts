/** Quicksort, as one thread does it alone. */
const insertionSort = (data: Float64Array, from: number, to: number): void => {
  for (let index = from + 1; index < to; index++) {
    const value = data[index]!
    let at = index - 1
    while (at >= from && data[at]! > value) data[at + 1] = data[at--]!
    data[at + 1] = value
  }
}

const median = (a: number, b: number, c: number): number => Math.max(Math.min(a, b), Math.min(Math.max(a, b), c))

/** Where the upper part begins; both parts have elements. */
export const partition = (data: Float64Array, from: number, to: number): number => {
  const pivot = median(data[from]!, data[(from + to) >> 1]!, data[to - 1]!)
  let low = from
  let high = to - 1
  while (low <= high) {
    while (data[low]! < pivot) low++
    while (data[high]! > pivot) high--
    if (low > high) break
    const swap = data[low]!
    data[low++] = data[high]!
    data[high--] = swap
  }
  return Math.min(Math.max(low, from + 1), to - 1)
}

export const sortAlone = (data: Float64Array, from: number, to: number): void => {
  if (to - from <= 24) {
    insertionSort(data, from, to)
    return
  }
  const middle = partition(data, from, to)
  sortAlone(data, from, middle)
  sortAlone(data, middle, to)
}
