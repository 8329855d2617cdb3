/** Who is sent what. */
import type { Entry } from "./entry.ts"
import type { Hand } from "./hand.ts"
import type { Line } from "./line.ts"

interface Seat {
  readonly hand: Hand
  readonly entries: Array<Entry>
}

/** Of two threads the one that has less to do, if it has room. */
const fewer = (best: Seat | undefined, seat: Seat): Seat | undefined => {
  if (seat.entries.length >= seat.hand.room) return best
  return best === undefined || loadOf(seat) < loadOf(best) ? seat : best
}

const loadOf = ({ entries, hand }: Seat): number => hand.load + entries.length

/** What is moved cannot be taken back from where it was sent, so it goes alone, to who is idle. */
const fits = ({ transfer }: Entry, ahead: number): boolean => transfer === undefined || ahead === 0

/** Takes entries out of the queue one by one, each for whoever has the least to do and has room. */
export const deal = (queue: Line<Entry>, hands: ReadonlyArray<Hand>): ReadonlyArray<Seat> => {
  const seats = hands.filter(({ room }) => room > 0).map((hand): Seat => ({ hand, entries: [] }))
  for (let entry = queue.first; entry !== undefined; entry = queue.first) {
    const seat = seats.reduce<Seat | undefined>(fewer, undefined)
    if (seat === undefined || !fits(entry, loadOf(seat))) break
    queue.remove(entry)
    seat.entries.push(entry)
  }
  return seats.filter(({ entries }) => entries.length > 0)
}
