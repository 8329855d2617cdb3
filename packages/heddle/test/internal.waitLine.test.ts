import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"

import { StandingAside, Waiter, WaitLine } from "../src/internal/waitLine.ts"

class Person extends Waiter<Person> {
  readonly name: number
  readonly size: number
  constructor(name: number, size: number) {
    super()
    this.name = name
    this.size = size
  }
}

const forwards = (line: WaitLine<Person>): Array<number> => {
  const names: Array<number> = []
  for (let at = line.head; at !== undefined; at = at.next) names.push(at.name)
  return names
}

const backwards = (line: WaitLine<Person>): Array<number> => {
  const names: Array<number> = []
  for (let at = line.tail; at !== undefined; at = at.previous) names.push(at.name)
  return names
}

const assertLine = (line: WaitLine<Person>, names: ReadonlyArray<number>): void => {
  assert.deepStrictEqual(forwards(line), names)
  assert.deepStrictEqual(backwards(line), names.toReversed())
  assert.strictEqual(line.length, names.length)
}

describe("WaitLine and StandingAside", () => {
  // What a semaphore does with them: somebody joins or leaves, the limit changes, and heads above the limit step aside.
  const Program = Schema.Array(Schema.Struct({ step: Schema.Int, who: Schema.Int }))

  it.prop(
    "agree with a sorted array: join, leave, step aside, come back, in any order",
    [Program],
    ([program]) => {
      const line = new WaitLine<Person>()
      const aside = new StandingAside<Person>()
      let limit = 3
      let present: Array<Person> = []
      const standsAside = new Set<Person>()
      for (const { step, who } of program) {
        const choice = Math.abs(who)
        if (Math.abs(step) % 4 < 2) {
          const person = new Person(present.length === 0 ? 0 : present.at(-1)!.name + 1, choice % 5)
          line.join(person)
          present.push(person)
        } else if (Math.abs(step) % 4 === 2) {
          const person = present[choice % Math.max(1, present.length)]
          if (person === undefined) continue
          if (standsAside.delete(person)) aside.remove(person.size, person)
          else line.leave(person)
          present = present.filter((other) => other !== person)
        } else {
          limit = choice % 6
          const returning = aside.returning(limit)
          line.merge(returning)
          const expected = present.filter((person) => standsAside.has(person) && person.size <= limit)
          assert.deepStrictEqual(
            returning.map(({ name }) => name),
            expected.map(({ name }) => name)
          )
          for (const person of returning) standsAside.delete(person)
        }
        for (let head = line.head; head !== undefined && head.size > limit; head = line.head) {
          line.leave(head)
          aside.add(head.size, head)
          standsAside.add(head)
        }
        assertLine(
          line,
          present.filter((person) => !standsAside.has(person)).map(({ name }) => name)
        )
        assert.strictEqual(aside.length, standsAside.size)
      }
    },
    { arbitrary: { runs: 200, size: 60 } }
  )

  it("who left holds on to nobody", () => {
    const line = new WaitLine<Person>()
    const [a, b, c] = [new Person(0, 1), new Person(1, 1), new Person(2, 1)]
    for (const person of [a, b, c]) line.join(person)
    line.leave(b)
    assert.isUndefined(b.next)
    assert.isUndefined(b.previous)
    assertLine(line, [0, 2])
  })
})
