/**
 * What is read from a `Float64Array` is a double, and whatever computes with it is compiled for doubles: loops over indices take
 * nearly twice as long. An integer is made one again.
 */
export const integerIfAny = (value: number): number => {
  const integer = value | 0
  return Object.is(integer, value) ? integer : value
}
