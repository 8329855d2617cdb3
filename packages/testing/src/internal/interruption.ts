/** Where a fiber is interrupted, and that it is. */
import { rules } from "./check.ts"
import type { AnyFiber, FiberRecord } from "./fibers.ts"
import type { Intervention, Recorder } from "./run.ts"
import type { Search } from "./search.ts"

/**
 * - `operation`: the fiber finds itself interrupted as it runs an operation; the operation still runs.
 * - `preemption`: the fiber is preempted before an operation, and interrupted while it is.
 * - `task`: the fiber is interrupted between two tasks of the scheduler: while it waits, or was granted what it waited
 *   for and has not been resumed yet.
 * - `pause`: the fiber is preempted before an operation, and not interrupted: what happens meanwhile must not be missed.
 *
 * @since 0.1.0
 * @category models
 */
export type Moment = "operation" | "preemption" | "task" | "pause"

export interface Plan {
  /** `MaxOpsBeforeYield`. */
  readonly budget: number
  /** Fibers that are resumed on the stack of another are put into the queue. */
  readonly queued: boolean
  /** Undefined for the run that nothing happens to. */
  readonly at: { readonly moment: Moment; readonly number: number } | undefined
}

export class Interruption implements Intervention {
  plan: Plan
  target: AnyFiber | undefined = undefined
  recorder: Recorder | undefined = undefined
  /** Of the target, and while it had not ended: so many operations and tasks there were in the last run. */
  operations = 0
  tasks = 0
  /** The most operations at a stretch of any fiber under the budget, in all runs since the sweep of a budget began. */
  longest = 0
  private due = false

  constructor(plan: Plan) {
    this.plan = plan
  }
  begins(): void {
    this.target = undefined
    this.operations = this.tasks = 0
    this.due = false
  }
  beforeOperation({ fiber }: FiberRecord): boolean {
    if (fiber.currentOpCount > this.longest && fiber.cache.maxOpsBeforeYield === this.plan.budget)
      this.longest = fiber.currentOpCount
    if (fiber !== this.target) return false
    this.operations++
    const { at } = this.plan
    if (at === undefined || at.moment === "task" || at.number !== this.operations) return false
    if (at.moment === "operation") this.interrupt(fiber)
    this.due = at.moment === "preemption"
    return at.moment !== "operation"
  }
  betweenTasks(): boolean {
    const { target } = this
    if (target === undefined || target.pollUnsafe() !== undefined) return false
    this.tasks++
    const { at } = this.plan
    if (!this.due && !(at?.moment === "task" && at.number === this.tasks)) return false
    this.due = false
    this.interrupt(target)
    return true
  }
  private interrupt(fiber: AnyFiber): void {
    this.recorder?.remarks(fiber, "interrupted")
    fiber.interruptUnsafe()
  }
}

/**
 * Every plan for these budgets: to each belongs a run that nothing happens to, and one for each place in it. Budgets that
 * nobody uses up are all alike: one of them stands for the others.
 */
export const sweepSearch = (
  interruption: Interruption,
  queued: boolean,
  budgets: ReadonlyArray<number>,
  moments: ReadonlyArray<Moment>
): Search => {
  const plans = (function* (): Generator<Plan> {
    let needed = Infinity
    for (const budget of budgets) {
      if (budget > needed) continue
      interruption.longest = 0
      yield { budget, queued, at: undefined }
      const { operations, tasks } = interruption
      for (const moment of moments) {
        const count = moment === "task" ? tasks : operations
        for (let number = 1; number <= count; number++) yield { budget, queued, at: { moment, number } }
      }
      if (interruption.longest < budget) needed = Math.min(needed, interruption.longest)
    }
  })()
  return {
    next: () => {
      const { done, value } = plans.next()
      if (done === true) return undefined
      interruption.plan = value
      return 0
    },
    choose: (_, { kind }) => (queued && kind === "resume" ? 1 : 0),
    done: () => {}
  }
}

const letters: Readonly<Record<Moment, string>> = { operation: "o", preemption: "p", task: "t", pause: "w" }

export const moments = Object.keys(letters) as ReadonlyArray<Moment>

/** As it stands in a replay string: `b3,o5` for `MaxOpsBeforeYield` 3 and operation 5. */
export const formatPlan = ({ at, budget }: Plan): string =>
  `b${budget.toString(36)}${at === undefined ? "" : `,${letters[at.moment]}${at.number.toString(36)}`}`

export const parsePlan = (text: string | undefined, queued: boolean): Plan | undefined => {
  const [, first, letter, second] = /^b([0-9a-z]{1,9})(?:,([optw])([0-9a-z]{1,9}))?$/.exec(text ?? "") ?? []
  const [budget, number] = [first, second].map((digits) => Number.parseInt(digits ?? "0", 36))
  if (!rules.budget.holds(budget!)) return undefined
  const moment = moments.find((moment) => letters[moment] === letter)
  return { budget: budget!, queued, at: moment === undefined ? undefined : { moment, number: number! } }
}

export const describePlan = ({ at, budget, queued }: Plan): string =>
  [
    at === undefined ? "no interruption" : `${at.moment} ${at.number}`,
    `MaxOpsBeforeYield ${budget}`,
    queued ? "resumed fibers queued" : "resumed fibers at once"
  ].join(", ")
