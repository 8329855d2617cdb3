import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"

import { PriorityLine, PriorityWaiter } from "../src/internal/priorityLine.ts"

class Person extends PriorityWaiter<Person> {
  readonly name: string
  constructor(name: string, priority = 0) {
    super()
    this.name = name
    this.priority = priority
  }
}

const drain = (line: PriorityLine<Person>): Array<string> => {
  const names: Array<string> = []
  for (let head = line.head; head !== undefined; head = line.head) {
    line.leave(head)
    names.push(head.name)
  }
  return names
}

const joinAll = (line: PriorityLine<Person>, people: ReadonlyArray<Person>) => {
  for (const person of people) line.join(person)
}

/** The order that the module promises, in one line. */
const inOrder = (people: ReadonlyArray<Person>, step: number) =>
  people.toSorted((a, b) => a.ticket - a.priority * step - (b.ticket - b.priority * step) || b.priority - a.priority)

describe("PriorityLine", () => {
  it("higher priorities go first, and inside a priority the first who came", () => {
    const line = new PriorityLine<Person>()
    const people = [
      ["first", 0],
      ["second", 0],
      ["low", -1],
      ["high", 2],
      ["middle", 1],
      ["third", 0],
      ["high too", 2]
    ] as const
    joinAll(
      line,
      people.map(([name, priority]) => new Person(name, priority))
    )
    assert.deepStrictEqual(drain(line), ["high", "high too", "middle", "first", "second", "third", "low"])
    assert.strictEqual(line.length, 0)
  })

  it("a waiter is overtaken by exactly `step` younger ones per level, however many come", () => {
    for (const [step, levels] of [
      [1, 1],
      [3, 1],
      [3, 2],
      [10, 4]
    ] as const) {
      const line = new PriorityLine<Person>(step)
      const patient = new Person("patient")
      line.join(patient)
      for (let index = 0; index < 100; index++) line.join(new Person("hasty", levels))
      assert.strictEqual(drain(line).indexOf("patient"), step * levels)
    }
  })

  it("also when those who overtake are served as they come", () => {
    const line = new PriorityLine<Person>(5)
    line.join(new Person("patient"))
    let overtaken = 0
    while (line.wouldLead(1) && overtaken < 100) {
      line.pass()
      overtaken++
    }
    assert.strictEqual(overtaken, 5)
    line.join(new Person("hasty", 1))
    assert.strictEqual(line.head!.name, "patient")
  })

  it("a high priority goes ahead of `step` older ones per level, and not of more", () => {
    const line = new PriorityLine<Person>(10)
    for (let index = 0; index < 100; index++) line.join(new Person("early"))
    line.join(new Person("late", 3))
    assert.strictEqual(drain(line).indexOf("late"), 70)
  })

  // What a primitive does with it: join, leave from anywhere, step aside from anywhere, come back all together.
  const Program = Schema.Array(Schema.Struct({ step: Schema.Int, who: Schema.Int, priority: Schema.Int }))

  it.prop(
    "agrees with a sorted array: join, leave, stand aside, come back, in any order",
    [Program, Schema.Int],
    ([program, seed]) => {
      const step = 1 + (Math.abs(seed) % 7)
      const line = new PriorityLine<Person>(step)
      let present: Array<Person> = []
      let aside: Array<Person> = []
      for (const { step: what, who, priority } of program) {
        const person = present[Math.abs(who) % Math.max(1, present.length)]
        switch (Math.abs(what) % 8) {
          case 0:
          case 1:
          case 2:
          case 3: {
            const newcomer = new Person("", priority % 24)
            const leads = line.wouldLead(newcomer.priority)
            line.join(newcomer)
            assert.strictEqual(line.head === newcomer, leads)
            present.push(newcomer)
            break
          }
          case 4:
            if (line.wouldLead(priority % 24)) line.pass()
            break
          case 5:
            aside = aside.toSorted((a, b) => a.ticket - b.ticket)
            line.merge(aside)
            present.push(...aside)
            aside = []
            break
          default:
            if (person === undefined) break
            line.leave(person)
            present = present.filter((other) => other !== person)
            if (Math.abs(what) % 8 === 7) aside.push(person)
        }
        const expected = inOrder(present, step)
        assert.strictEqual(line.head, expected[0])
        assert.strictEqual(line.length, present.length)
        const tickets = present.map(({ ticket }) => ticket)
        assert.strictEqual(line.oldest()?.ticket, present.length === 0 ? undefined : Math.min(...tickets))
        const lowest = Math.min(...present.map(({ priority }) => priority))
        assert.strictEqual(
          line.lowest(),
          present.filter((one) => one.priority === lowest).toSorted((a, b) => b.ticket - a.ticket)[0]
        )
      }
      const expected = inOrder(present, step)
      for (const person of expected) {
        assert.strictEqual(line.head, person)
        line.leave(person)
      }
      assert.isUndefined(line.head)
    },
    { arbitrary: { runs: 300, size: 80 } }
  )

  it("joining, leaving and being served look at the heads of O(log lanes) priorities, not at those behind", () => {
    const lanes = 1024
    const line = new PriorityLine<Person>(1)
    const people = Array.from({ length: 20 * lanes }, (_, index) => new Person("", index % lanes))
    let looks = 0
    for (const person of people) {
      let { ticket } = person
      Object.defineProperty(person, "ticket", {
        get: () => {
          looks++
          return ticket
        },
        set: (next: number) => {
          ticket = next
        }
      })
    }
    joinAll(line, people)
    const during = (action: () => void) => {
      looks = 0
      action()
      return looks
    }
    const most = 4 * Math.log2(lanes)
    for (let round = 0; round < 100; round++)
      assert.isAtMost(
        during(() => line.leave(line.head!)),
        most
      )
    assert.strictEqual(
      during(() => line.leave(people[10 * lanes]!)),
      0
    )
    assert.strictEqual(
      during(() => line.join(people[10 * lanes]!)),
      0
    )
  })

  it("a line in which all have one priority never looks at a key", () => {
    const line = new PriorityLine<Person>()
    const people = Array.from({ length: 100 }, () => new Person(""))
    for (const person of people) {
      Object.defineProperty(person, "ticket", {
        get: () => assert.fail("a key was looked at"),
        set() {}
      })
    }
    joinAll(line, people)
    line.leave(people[50]!)
    for (let head = line.head; head !== undefined; head = line.head) line.leave(head)
  })

  it("keeps nothing of priorities in which nobody waits", () => {
    const line = new PriorityLine<Person>()
    for (let priority = -1000; priority < 1000; priority++) {
      const person = new Person("", priority)
      line.join(person)
      line.leave(person)
    }
    const others: unknown = Reflect.get(line, "others")
    assert.instanceOf(others, Map)
    assert.strictEqual(others.size, 0)
  })
})
