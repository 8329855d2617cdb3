/**
 * What handles have in common: a kind and a name for messages, `pipe`, and a way to be shown.
 */
import * as Inspectable from "effect/Inspectable"
import * as Pipeable from "effect/Pipeable"

export abstract class Handle extends Inspectable.Class implements Pipeable.Pipeable {
  readonly kind: string
  readonly name: string | undefined

  constructor(kind: string, name: string | undefined) {
    super()
    this.kind = kind
    this.name = name
  }

  abstract stats(): object

  pipe() {
    return Pipeable.pipeArguments(this, arguments)
  }

  toJSON() {
    return { _id: this.kind, name: this.name, ...this.stats() }
  }

  /** `SingleFlight.run on "users"` */
  label(operation: string): string {
    return `${this.kind}.${operation}${this.name === undefined ? "" : ` on ${JSON.stringify(this.name)}`}`
  }
}
