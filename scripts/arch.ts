/** Checks every import of the repository against the plan in `scripts/arch/plan.ts`. */
import { inspect } from "./arch/inspect.ts"

const { imports, modules, violations } = await inspect(process.cwd())

for (const { message, module, rule } of violations) process.stderr.write(`${module}: ${message} [${rule}]\n`)
process.stdout.write(`arch: ${modules} modules, ${imports} imports, ${violations.length} violations\n`)
if (violations.length > 0) process.exitCode = 1
