/** What the threads do. They load this module and what it imports, and nothing else of the program. */
import * as ThreadTask from "@heddle/node/ThreadTask"

export interface Range {
  readonly from: number
  readonly to: number
}

const isPrime = (n: number): boolean => {
  if (n < 2) return false
  for (let divisor = 2; divisor * divisor <= n; divisor++) if (n % divisor === 0) return false
  return true
}

export const countPrimes = ThreadTask.define(import.meta.url, "countPrimes", {
  run: ({ from, to }: Range) => {
    let primes = 0
    for (let n = from; n < to && !ThreadTask.interrupted(); n++) if (isPrime(n)) primes++
    return primes
  }
})

export const largestFactor = ThreadTask.define(import.meta.url, "largestFactor", {
  run: (n: number) => {
    let rest = n
    for (let divisor = 2; divisor * divisor <= rest; divisor++)
      while (rest > divisor && rest % divisor === 0) rest /= divisor
    return rest
  }
})
