/** Tasks as a thread has loaded them: found by their modules' URLs, and ready to be called. */
import { type Definition, definitionOf, type Fold, type ForkBody, nameOf } from "./definition.ts"
import type { Coders } from "./outcome.ts"

export interface Loaded extends Coders {
  readonly call: (input: unknown) => unknown
  readonly fold: Fold | undefined
  readonly forkJoin: ForkBody | undefined
}

export const load = async (named: Pick<Definition, "module" | "name">): Promise<Loaded> => {
  const { module, name } = named
  const exports: Record<string, unknown> = await import(module).catch((cause: unknown) => {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new Error(`the task ${nameOf(named)} cannot be loaded: ${reason}`, { cause })
  })
  const found = Object.hasOwn(exports, name) ? exports[name] : undefined
  const definition = definitionOf(found)
  if (definition === undefined) {
    if (typeof found === "function") return { ...plainly, call: found as Loaded["call"], ...nothingElse }
    const names = Object.keys(exports).join(", ")
    throw new Error(`there is no task ${nameOf(named)}, which exports ${names === "" ? "nothing" : names}`)
  }
  if (definition.module !== module || definition.name !== name) {
    throw new Error(`the task ${nameOf(definition)} is exported as ${nameOf(named)}`)
  }
  const { fold, forkJoin, run, schemas } = definition
  const coders = { ...plainly, ...(await codersOf(schemas)) }
  return { ...coders, call: callOf(named, run, coders), fold, forkJoin }
}

const codersOf = async (schemas: Definition["schemas"]): Promise<Partial<Coders>> =>
  Object.values(schemas).every((schema) => schema === undefined) ? {} : (await import("./effects.ts")).codersOf(schemas)

const callOf = (
  named: Pick<Definition, "module" | "name">,
  run: Definition["run"],
  { decode }: Coders
): Loaded["call"] => {
  if (run === undefined) {
    return () => {
      throw new Error(`${nameOf(named)} is not a task of one input`)
    }
  }
  return decode === same ? run : (input) => run(decode(input))
}

const same = (value: unknown): unknown => value

/** An instance of a class would arrive as another type than it left. */
const plainError = (error: unknown): unknown => {
  const prototype = typeof error === "object" && error !== null ? Object.getPrototypeOf(error) : null
  if (prototype === null || prototype === Object.prototype || Array.isArray(error)) return error
  throw new Error(
    `it failed with a ${error?.constructor.name}: a task whose errors are classes needs an \`error\` schema`
  )
}

const plainly: Coders = { decode: same, encode: same, encodeError: plainError }
const nothingElse = { fold: undefined, forkJoin: undefined }
