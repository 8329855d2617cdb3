import * as Rpc from "effect/rpc/Rpc"
import * as RpcGroup from "effect/rpc/RpcGroup"
import * as Schema from "effect/Schema"

export const Api = RpcGroup.make(Rpc.make("identity", { payload: { value: Schema.Number }, success: Schema.Number }))
