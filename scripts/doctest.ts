/**
 * Makes tests of the examples marked ```` ```ts import.meta.vitest ````, which Vitest runs and `tsc` checks: those in
 * the docstrings of a package in that package, those in Markdown in `apps/examples`, where everything that an example
 * may import is installed.
 *
 * `expression // => expected` becomes an assertion by Effect's structural equality. A `text` block that follows an
 * example behind `<!-- output -->` is what the example has to print with `console.log`.
 */
import { existsSync, globSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"

import { parseSync } from "vite"

interface Example {
  readonly origin: string
  readonly code: string
  readonly output: string | undefined
}

const block =
  /^[ \t]*```ts import\.meta\.vitest[^\n]*\n(.*?)^[ \t]*```$(?:\s*<!-- output -->\s*```text\n(.*?)^```$)?/gms

const examplesIn = (source: string, text: string): ReadonlyArray<Example> => {
  const markdown = source.endsWith(".md") ? text : text.replace(/^[ \t]*\*[ \t]?/gm, "")
  const examples = Array.from(markdown.matchAll(block), ({ 1: code, 2: output, index }) => ({
    origin: `${source}:${markdown.slice(0, index).split("\n").length}`,
    code: code!,
    output
  }))
  const outputs = markdown.match(/^<!-- output -->$/gm)?.length ?? 0
  if (outputs !== examples.filter(({ output }) => output !== undefined).length) {
    throw new Error(`${source}: an output block has to follow a runnable example`)
  }
  return examples
}

/** The imports of an example, and the rest of it with its assertions. */
const transform = ({ code, origin }: Example): readonly [imports: string, body: string] => {
  const { comments, errors, program } = parseSync("example.ts", code)
  if (errors.length > 0) throw new Error(`${origin}: ${errors[0]!.message}`)
  const head = program.body.findLast(({ type }) => type === "ImportDeclaration")?.end ?? 0
  let out = code
  for (const comment of comments.toReversed()) {
    const expected = /^\s*=>\s*(.+)$/.exec(comment.value)?.[1]
    if (comment.type !== "Line" || expected === undefined) continue
    const statement = program.body.findLast(({ end }) => end <= comment.start)
    const misplaced = new Error(`${origin}: "// => ${expected}" has to end the line of a top-level statement`)
    if (statement === undefined || /[^\s;]/.test(code.slice(statement.end, comment.start))) throw misplaced
    if (statement.type === "ExpressionStatement") {
      const { end, start } = statement.expression
      out = `${out.slice(0, start)}__equal(${out.slice(start, end)}, ${expected})${out.slice(comment.end)}`
    } else if (statement.type === "VariableDeclaration" && statement.declarations[0]?.id.type === "Identifier") {
      const { name } = statement.declarations[0].id
      out = `${out.slice(0, statement.end)}; __equal(${name}, ${expected})${out.slice(comment.end)}`
    } else throw misplaced
  }
  return [out.slice(0, head), out.slice(head)]
}

/** `__equal` is exported only so that an example without an assertion does not leave it unused. */
const render = (example: Example): string => {
  const [imports, body] = transform(example)
  const printed = example.output !== undefined
  return [
    `// Generated from ${example.origin}`,
    `import { test as __test, assert as __assert } from "vitest"`,
    `import { equals as __equals } from "effect/Equal"`,
    ...(printed ? [`import { format as __format } from "node:util"`] : []),
    imports,
    `export const __equal = (actual: unknown, expected: unknown): void => {`,
    `  if (!__equals(actual, expected)) __assert.deepStrictEqual(actual, expected)`,
    `}`,
    `__test(${JSON.stringify(example.origin)}, async () => {`,
    ...(printed
      ? [`const __printed: Array<string> = []`, `console.log = (...line) => __printed.push(__format(...line))`]
      : []),
    body,
    ...(printed ? [`__assert.strictEqual(__printed.join("\\n"), ${JSON.stringify(example.output.trimEnd())})`] : []),
    `})`,
    ``
  ].join("\n")
}

/** A file that is up to date is left alone and any other replaced in one step: two runs at a time do not disturb each other. */
const write = (file: string, text: string): void => {
  mkdirSync(dirname(file), { recursive: true })
  if (existsSync(file) && readFileSync(file, "utf8") === text) return
  const draft = `${file}.${process.pid}`
  writeFileSync(draft, text)
  renameSync(draft, file)
}

export const extract = (root: string): void => {
  const files = new Map<string, string>()
  for (const source of globSync(["packages/*/src/**/*.ts", "README.md", "docs/**/*.md"], { cwd: root })) {
    const [, owner = "apps/examples", path = source] = /^(packages\/[^/]+)\/src\/(.+)$/.exec(source) ?? []
    for (const example of examplesIn(source, readFileSync(join(root, source), "utf8"))) {
      const name = `${path.replace(/\.[a-z]+$/, "").replaceAll("/", ".")}.L${example.origin.split(":")[1]}.test.ts`
      files.set(`${owner}/build/doctest/${name}`, render(example))
    }
  }
  for (const [file, text] of files) write(join(root, file), text)
  for (const file of globSync("{packages,apps}/*/build/doctest/*.test.ts", { cwd: root })) {
    if (!files.has(file)) rmSync(join(root, file), { force: true })
  }
}

if (import.meta.main) extract(process.cwd())
