/**
 * Prints `N passed, N failed` from the JSON report of Vitest that is named on the command line, and fails unless there
 * were tests and all of them passed. A file that fails outside its tests counts as one failure.
 */
import { readFileSync } from "node:fs"

interface Report {
  readonly success: boolean
  readonly numPassedTests: number
  readonly numFailedTests: number
  readonly testResults: ReadonlyArray<{
    readonly status: string
    readonly assertionResults: ReadonlyArray<{ readonly status: string }>
  }>
}

const report: Report = JSON.parse(readFileSync(process.argv[2] ?? "", "utf8"))
const { numFailedTests, numPassedTests, success, testResults } = report
const failedOutside = testResults.filter(
  ({ assertionResults, status }) =>
    status === "failed" && assertionResults.every((assertion) => assertion.status !== "failed")
).length
const failed = numFailedTests + failedOutside
process.stdout.write(`${numPassedTests} passed, ${failed} failed\n`)
if (!success || failed > 0 || numPassedTests === 0) process.exitCode = 1
