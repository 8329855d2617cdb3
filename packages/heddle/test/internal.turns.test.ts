import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"

import { Turn, Turns } from "../src/internal/turns.ts"

class Client extends Turn<Client> {
  readonly name: string
  readonly requests: Array<number>
  spent = 0

  constructor(name: string, requests: ReadonlyArray<number>) {
    super()
    this.name = name
    this.requests = [...requests]
  }
  get cost(): number {
    return this.requests[0]!
  }
}

const enterAll = (clients: ReadonlyArray<Client>): Turns<Client> => {
  const turns = new Turns<Client>()
  for (const client of clients) turns.enter(client)
  return turns
}

/** Serves one request. */
const serve = (turns: Turns<Client>): Client | undefined => {
  const next = turns.next()
  if (next === undefined) return undefined
  const cost = next.requests.shift()!
  next.saved -= cost
  next.spent += cost
  if (next.requests.length === 0) turns.leave(next)
  return next
}

const serveAll = (turns: Turns<Client>): ReadonlyArray<string> => {
  const order: Array<string> = []
  for (let served = serve(turns); served !== undefined; served = serve(turns)) order.push(served.name)
  return order
}

describe("Turns", () => {
  it("equal requests alternate, whoever has more of them", () => {
    const turns = enterAll([new Client("busy", [1, 1, 1, 1, 1]), new Client("quiet", [1, 1])])
    assert.deepStrictEqual(serveAll(turns), ["busy", "quiet", "busy", "quiet", "busy", "busy", "busy"])
    assert.isTrue(turns.isEmpty)
  })

  it("many small requests and few large ones get the same", () => {
    const turns = enterAll([
      new Client("heavy", [3, 3, 3]),
      new Client(
        "light",
        Array.from({ length: 9 }, () => 1)
      )
    ])
    assert.strictEqual(
      serveAll(turns).join(" "),
      "heavy light light light heavy light light light heavy light light light"
    )
  })

  it("asking twice does not give two turns", () => {
    const [a, b] = [new Client("a", [2, 2]), new Client("b", [2])]
    const turns = enterAll([a, b])
    assert.strictEqual(turns.next(), a)
    assert.strictEqual(turns.next(), a)
    assert.strictEqual(a.saved, 2)
    assert.deepStrictEqual(serveAll(turns), ["a", "b", "a"])
  })

  it("whoever leaves takes no savings along, and the next begins his turn", () => {
    const [a, b] = [new Client("a", [1, 1]), new Client("b", [1])]
    const turns = enterAll([a, b])
    assert.strictEqual(turns.next(), a)
    turns.leave(a)
    assert.strictEqual(turns.next(), b)
    turns.enter(a)
    assert.strictEqual(a.saved, 0)
    assert.deepStrictEqual(serveAll(turns), ["b", "a", "a"])
  })

  it("whoever comes back has saved nothing while it was away", () => {
    const ones = () => Array.from({ length: 20 }, () => 1)
    const [a, b] = [new Client("a", ones()), new Client("b", ones())]
    const turns = enterAll([a, b])
    serve(turns)
    turns.leave(a)
    for (let away = 0; away < 9; away++) serve(turns)
    turns.enter(a)
    assert.match(serveAll(turns).join(" "), /^(a b ){10}/)
  })

  it("a round does not end early, and give everybody another share, because its last one leaves", () => {
    const ones = () => Array.from({ length: 40 }, () => 1)
    let last = new Client("last", [1])
    const singles = Array.from({ length: 30 }, () => new Client("single", [1]))
    const turns = enterAll([new Client("a", ones()), ...singles, last])
    serve(turns)
    for (let single = 0; single < 30; single++) {
      turns.next()
      turns.leave(last)
      last = new Client("last", [1])
      turns.enter(last)
      serve(turns)
    }
    turns.leave(last)
    turns.enter(new Client("b", ones()))
    assert.match(serveAll(turns).join(" "), /^(a b ){30}/)
  })

  it("when a large request has gone, turns are short again after a round", () => {
    const ones = () => Array.from({ length: 300 }, () => 1)
    const turns = enterAll([new Client("large", [64]), new Client("a", ones()), new Client("b", ones())])
    const order = serveAll(turns)
    const tail = order.slice(-100)
    assert.isTrue(tail.every((name, index) => index === 0 || name !== tail[index - 1]))
  })

  const Sizes = Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 40 }))).check(
    Schema.isMinLength(1)
  )

  it.prop(
    "while all of them want, nobody is ahead of another by more than three of the largest",
    [Schema.Array(Sizes).check(Schema.isMinLength(2))],
    ([sizes]) => {
      const clients = sizes.map(
        (own, index) =>
          new Client(
            `${index}`,
            Array.from({ length: 4_000 }, (_, at) => own[at % own.length]! || 1)
          )
      )
      const largest = Math.max(...sizes.flat(), 1)
      const turns = enterAll(clients)
      for (let step = 0; step < 300; step++) {
        serve(turns)
        const spent = clients.map(({ spent }) => spent)
        assert.isAtMost(Math.max(...spent) - Math.min(...spent), 3 * largest)
      }
    },
    { arbitrary: { runs: 100, size: 12 } }
  )

  it("finding who is next looks at a few, however many there are and however large their requests", () => {
    let looks = 0
    class Watched extends Client {
      override get cost(): number {
        looks++
        return super.cost
      }
    }
    for (const count of [10, 10_000]) {
      const turns = enterAll(Array.from({ length: count }, (_, index) => new Watched("", [1_000_000 + index, 1, 7])))
      looks = 0
      for (let served = 0; served < 3 * count; served++) serve(turns)
      assert.isTrue(turns.isEmpty)
      assert.isAtMost(looks / (3 * count), 6)
    }
  })
})
