import workerpool from "workerpool"

import { identity, spin, touch } from "./work.ts"

workerpool.worker({ identity, spin, touch })
