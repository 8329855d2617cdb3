import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeWorkerRunner from "@effect/platform-node/NodeWorkerRunner"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as RpcServer from "effect/rpc/RpcServer"

import { Api } from "./rpc.ts"
import { identity } from "./work.ts"

RpcServer.layer(Api).pipe(
  Layer.provide(Api.toLayer({ identity: ({ value }) => Effect.sync(() => identity(value)) })),
  Layer.provide(RpcServer.layerProtocolWorkerRunner),
  Layer.provide(NodeWorkerRunner.layer),
  Layer.launch,
  NodeRuntime.runMain
)
