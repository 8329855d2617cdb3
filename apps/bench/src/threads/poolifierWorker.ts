import { ThreadWorker } from "poolifier"

import { identity, spin, touch } from "./work.ts"

export default new ThreadWorker<any, any>({
  identity: (value?: number) => identity(value!),
  spin: (millis?: number) => spin(millis!),
  touch: (bytes?: Uint8Array) => touch(bytes!)
})
