/**
 * Bytes as lines. What is held is one line, as far as `maxLineBytes`, and the chunk that was read last.
 */
import * as Stream from "effect/Stream"

export interface Line {
  /** From 1 up; lines without text count. */
  readonly number: number
  /** The line, or the start of one that is longer than `maxLineBytes`. */
  readonly text: Buffer
  /** How long the whole line is. */
  readonly bytes: number
}

/** Of a longer line only the start is kept. */
export const maxLineBytes = 1024 * 1024

/** The lines that have text, the last one also without a newline at its end. */
export const lines = <E, R>(bytes: Stream.Stream<Uint8Array, E, R>): Stream.Stream<Line, E, R> =>
  Stream.suspend(() => {
    const splitter = new Splitter()
    return bytes.pipe(
      Stream.map((chunk) => splitter.split(chunk)),
      Stream.concat(Stream.sync(() => splitter.rest())),
      Stream.flattenIterable
    )
  })

// ---------------------------------------------------------------------------------------------------------------------
// machinery

const newline = 0x0a
const carriageReturn = 0x0d

class Splitter {
  private number = 0
  private bytes = 0
  // Invariant: of a line that has not ended, its first maxLineBytes and at most one chunk more.
  private pieces: Array<Buffer> = []

  split(chunk: Uint8Array): ReadonlyArray<Line> {
    const buffer = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
    const found: Array<Line> = []
    let start = 0
    for (let end = buffer.indexOf(newline); end !== -1; end = buffer.indexOf(newline, start)) {
      this.keep(buffer.subarray(start, end))
      this.end(found)
      start = end + 1
    }
    this.keep(buffer.subarray(start))
    return found
  }

  rest(): ReadonlyArray<Line> {
    const found: Array<Line> = []
    this.end(found)
    return found
  }

  private keep(piece: Buffer): void {
    if (piece.length > 0 && this.bytes <= maxLineBytes) this.pieces.push(piece)
    this.bytes += piece.length
  }

  private end(found: Array<Line>): void {
    const [first, ...more] = this.pieces
    const whole = first === undefined ? undefined : more.length === 0 ? first : Buffer.concat(this.pieces)
    this.number++
    if (whole !== undefined && !(whole.length === 1 && whole[0] === carriageReturn)) {
      found.push({ number: this.number, text: whole.subarray(0, maxLineBytes), bytes: this.bytes })
    }
    this.pieces = []
    this.bytes = 0
  }
}
