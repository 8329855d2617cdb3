import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"

import { Waiter, WaitLine } from "../src/internal/waitLine.ts"

class Person extends Waiter<Person> {
  readonly name: number
  constructor(name: number) {
    super()
    this.name = name
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

describe("WaitLine", () => {
  // A program is a list of numbers: n = 0 joins; otherwise somebody in the line steps aside, comes back or leaves.
  const Program = Schema.Array(Schema.Struct({ step: Schema.Int, who: Schema.Int }))

  it.prop(
    "agrees with an array: join, leave, step aside, come back, in any order",
    [Program],
    ([program]) => {
      const line = new WaitLine<Person>()
      const aside = new WaitLine<Person>()
      let model: Array<Person> = []
      let modelAside: Array<Person> = []
      let names = 0
      const pick = (from: ReadonlyArray<Person>, who: number) => from[Math.abs(who) % from.length]
      for (const { step, who } of program) {
        switch (Math.abs(step) % 5) {
          case 0:
          case 1: {
            const person = new Person(names++)
            line.join(person)
            model.push(person)
            break
          }
          case 2: {
            const person = pick(model, who)
            if (person === undefined) break
            line.leave(person)
            model = model.filter((other) => other !== person)
            break
          }
          case 3: {
            const person = pick(model, who)
            if (person === undefined) break
            line.leave(person)
            aside.insert(person)
            model = model.filter((other) => other !== person)
            modelAside = [...modelAside, person].toSorted((a, b) => a.name - b.name)
            break
          }
          default: {
            const returns = (person: Person) => person.name % 2 === Math.abs(who) % 2
            line.merge(aside, returns)
            model = [...model, ...modelAside.filter(returns)].toSorted((a, b) => a.name - b.name)
            modelAside = modelAside.filter((person) => !returns(person))
          }
        }
        assertLine(
          line,
          model.map((person) => person.name)
        )
        assertLine(
          aside,
          modelAside.map((person) => person.name)
        )
      }
    },
    { arbitrary: { runs: 200, size: 60 } }
  )

  it("who left holds on to nobody", () => {
    const line = new WaitLine<Person>()
    const [a, b, c] = [new Person(0), new Person(1), new Person(2)]
    for (const person of [a, b, c]) line.join(person)
    line.leave(b)
    assert.isUndefined(b.next)
    assert.isUndefined(b.previous)
    assertLine(line, [0, 2])
  })
})
