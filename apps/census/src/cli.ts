import { fileURLToPath } from "node:url"

/**
 * The command line.
 *
 * Exit codes: 0; 1 for options that make no sense; 2 for a directory that cannot be looked into or an output that cannot be
 * written; 130 after SIGINT and 143 after SIGTERM, with the report of what was counted until then.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as ByteSize from "effect/ByteSize"
import * as Argument from "effect/cli/Argument"
import * as CliConfig from "effect/cli/CliConfig"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as GlobalFlag from "effect/cli/GlobalFlag"
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Runtime from "effect/Runtime"
import * as Schema from "effect/Schema"

import { defaults, make, type Options } from "./census.ts"
import { Files } from "./files.ts"
import { isInteractive, writeErr, writeOut } from "./output.ts"
import { showProgress } from "./progress.ts"
import * as Records from "./records/records.ts"
import { serve } from "./records/serveEnricher.ts"
import { render } from "./render.ts"
import { type Report, ReportJson } from "./report.ts"
import { counted } from "./text.ts"

const ownModules = fileURLToPath(new URL("../../../node_modules", import.meta.url))

const leastBytesInFlight = 64 * 1024

/** `1048576`, `64MiB`, `1.5 GB`. */
const parseBytes = (text: string): Option.Option<number> => {
  const size = /^\d+$/.test(text) ? Option.some(ByteSize.bytes(BigInt(text))) : ByteSize.fromString(text)
  return Option.filter(
    Option.flatMap(size, ByteSize.toNumber),
    (bytes) => Number.isSafeInteger(bytes) && bytes >= leastBytesInFlight
  )
}

const wholeNumber = (name: string, from: number, to: number) =>
  Flag.Int(name).pipe(
    Flag.filter(
      (value) => value >= from && value <= to,
      () => `a whole number from ${from} to ${to}`
    )
  )

const parameters = {
  dir: Argument.String("dir").pipe(
    Argument.withDescription("The directory to look into. Default: the node_modules of this repository"),
    Argument.withDefault(ownModules)
  ),
  concurrency: wholeNumber("concurrency", 1, 256).pipe(
    Flag.withDescription(`Files read at a time. Default: ${defaults.concurrency}`),
    Flag.withDefault(defaults.concurrency)
  ),
  maxBytesInFlight: Flag.String("max-bytes-in-flight").pipe(
    Flag.withMetavar("size"),
    Flag.filterMap(parseBytes, () => "a size of at least 64KiB, such as 1048576, 64MiB or 1.5GB"),
    Flag.withDescription("What the files being read may weigh together, each at most 8MiB. Default: 64MiB"),
    Flag.withDefault(defaults.maxBytesInFlight)
  ),
  json: Flag.Boolean("json").pipe(Flag.withDescription("Print the report as JSON"), Flag.withDefault(false)),
  top: wholeNumber("top", 0, 1_000_000).pipe(
    Flag.withDescription(`Rows in each list that can be long. Default: ${defaults.top}`),
    Flag.withDefault(defaults.top)
  )
}

const enricherPort = 7070

/** An enricher is asked for many records at once: more requests at a time would only wait for the same limit. */
const maxRequests = 4

const fileFlag = (name: string, description: string) =>
  Flag.String(name).pipe(Flag.withMetavar("file"), Flag.withDescription(description), Flag.optional)

const recordParameters = {
  ndjson: fileFlag(
    "ndjson",
    "Instead of a census: enrich the records of this file, one per line of JSON; - is standard input"
  ),
  out: fileFlag("out", "With --ndjson: where the records go. Default: standard output"),
  deadLetters: fileFlag("dead-letters", "With --ndjson: where lines go that are no records. Default: they are counted"),
  checkpoint: fileFlag(
    "checkpoint",
    "With --ndjson, --out and --dead-letters: remembers what is done, and goes on there the next time"
  ),
  enricher: Flag.String("enricher").pipe(
    Flag.withMetavar("url"),
    Flag.withDescription(`With --ndjson: who is asked. Default: http://127.0.0.1:${enricherPort}`),
    Flag.withDefault(`http://127.0.0.1:${enricherPort}`)
  ),
  rate: wholeNumber("rate", 1, 1_000_000).pipe(
    Flag.withDescription("With --ndjson: requests per second, of 256 records each. Default: 100"),
    Flag.withDefault(100)
  ),
  patience: wholeNumber("patience", 0, 1_000_000).pipe(
    Flag.withDescription("With --ndjson: for how many seconds the enricher may be away. Default: 60"),
    Flag.withDefault(60)
  )
}

/** Ends the process with a code; the reason has been printed. */
class Stop extends Data.TaggedError("Stop")<{ readonly code: number }> {
  override readonly [Runtime.errorExitCode] = this.code
  override readonly [Runtime.errorReported] = false
}

const stop = (error: { readonly message: string }) =>
  Effect.andThen(writeErr(`census: ${error.message}\n`), Effect.fail(new Stop({ code: 2 })))

const asJson = (report: Report) =>
  Effect.map(Effect.orDie(Schema.encodeEffect(ReportJson)(report)), (text) => `${text}\n`)

const runCensus = Effect.fnUntraced(function* (options: Options & { readonly json: boolean }) {
  const { json } = options
  const print = (report: Report) => Effect.flatMap(json ? asJson(report) : Effect.succeed(render(report)), writeOut)
  const { partial, progress, run } = yield* make(options)
  const watched = !json && (yield* isInteractive)
  const report = yield* Effect.scoped(watched ? Effect.andThen(showProgress(progress), run) : run).pipe(
    Effect.onInterrupt(() => Effect.ignore(Effect.flatMap(partial, print)))
  )
  yield* print(report)
})

const summary = ({ dead, written }: Records.Counts): string =>
  `census: ${counted(written, "record")} written, ${counted(dead, "dead letter")}\n`

/** The records are on standard output, so what is said about them is on standard error. */
const runRecords = Effect.fnUntraced(function* (options: Records.Options) {
  const counts: Records.Counts = { written: 0, dead: 0 }
  yield* Records.run(options, counts).pipe(Effect.ensuring(Effect.suspend(() => writeErr(summary(counts)))))
})

const refuse = (message: string) => Effect.andThen(writeErr(`census: ${message}\n`), Effect.fail(new Stop({ code: 1 })))

const serveEnricher = Command.make(
  "serve-enricher",
  {
    port: wholeNumber("port", 0, 65_535).pipe(
      Flag.withDescription(`Where to listen; 0 for any port that is free. Default: ${enricherPort}`),
      Flag.withDefault(enricherPort)
    ),
    rate: wholeNumber("rate", 1, 1_000_000).pipe(
      Flag.withDescription("Requests per second; others are told when to come again. Default: 100"),
      Flag.withDefault(100)
    )
  },
  (options) =>
    serve(options).pipe(
      Effect.flatMap((url) => writeOut(`${url}\n`)),
      Effect.andThen(Effect.never),
      Effect.scoped,
      Effect.catchTag(["ListenError", "OutputError"], stop)
    )
).pipe(Command.withDescription("Serves who owns a package, for --ndjson, on the loopback interface."))

type Flags = Command.Command.Config.Infer<typeof parameters & typeof recordParameters>

const runFiles = Effect.fnUntraced(function* ({ checkpoint, deadLetters, dir, out, ...options }: Flags) {
  if ([checkpoint, deadLetters, out].some(Option.isSome)) {
    return yield* refuse("--checkpoint, --dead-letters and --out need --ndjson")
  }
  const { concurrency, json, maxBytesInFlight, top } = options
  return yield* Effect.catchTag(
    runCensus({ root: dir, concurrency, maxBytesInFlight, top, json }),
    ["RootError", "OutputError"],
    stop
  )
})

const runLines = Effect.fnUntraced(function* (input: string, flags: Flags) {
  const { concurrency, enricher, patience, rate } = flags
  const [checkpoint, deadLetters, output] = [flags.checkpoint, flags.deadLetters, flags.out].map(Option.getOrUndefined)
  if (checkpoint !== undefined && output === undefined) {
    return yield* refuse("--checkpoint needs --out: in standard output a line that was torn could not be mended")
  }
  if (checkpoint !== undefined && deadLetters === undefined) {
    return yield* refuse("--checkpoint needs --dead-letters: a line that is no record would be passed over for good")
  }
  return yield* runRecords({
    input,
    output,
    deadLetters,
    checkpoint,
    url: enricher,
    rate,
    patience: Duration.seconds(patience),
    concurrency: Math.min(concurrency, maxRequests)
  }).pipe(Effect.catch(stop))
})

const command = Command.make(
  "census",
  { ...parameters, ...recordParameters },
  Effect.fnUntraced(function* (flags) {
    const input = Option.getOrUndefined(flags.ndjson)
    yield* input === undefined ? runFiles(flags) : runLines(input, flags)
  })
).pipe(
  Command.withDescription(
    "Says what is in a directory tree: files by kind, the largest packages, packages in several versions, identical files, licences."
  ),
  Command.withSubcommands([serveEnricher])
)

// The first signal ends the census in order. A second one ends the process: a file system that does not answer must not
// hold it.
const codes = { SIGINT: 130, SIGTERM: 143 } as const
let interruptedWith: number | undefined
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => {
    if (interruptedWith !== undefined) process.exit(interruptedWith)
    interruptedWith = codes[signal]
  })
}

command.pipe(
  Command.run({ version: "0.0.0" }),
  Effect.provide([
    NodeServices.layer,
    Files.layer,
    CliConfig.layer({ builtIns: [GlobalFlag.Help, GlobalFlag.Version] })
  ]),
  NodeRuntime.runMain({
    teardown: (exit, onExit) =>
      Runtime.defaultTeardown(exit, (code) => onExit(code === 130 ? (interruptedWith ?? code) : code))
  })
)
