/** What `KeyedPermits` knows of one key. */
import { Turn } from "./turns.ts"
import { Request } from "./turnstile.ts"
import { StandingAside, WaitLine } from "./waitLine.ts"

export class KeyedAsk<K> extends Request<KeyedAsk<K>> {
  key: K | undefined = undefined
  account: Account<K> | undefined = undefined
}

/** Exists while somebody holds or waits under the key, or while it is paused, and only then. */
export class Account<K> extends Turn<Account<K>> {
  readonly key: K
  permits: number
  largest: number
  taken = 0
  /** What `take` handed out and `release` may give back. */
  loose = 0
  /** How many others hold, those of zero permits included. */
  holds = 0
  paused = false
  readonly line = new WaitLine<KeyedAsk<K>>()
  private aside: StandingAside<KeyedAsk<K>> | undefined = undefined

  constructor(key: K, permits: number) {
    super()
    this.key = key
    this.permits = this.largest = permits
  }

  get available(): number {
    return Math.max(0, this.permits - this.taken)
  }

  get waiting(): number {
    return this.line.length + (this.aside?.length ?? 0)
  }

  /** Those who ask for none and those who hold none are using it too. */
  get isIdle(): boolean {
    return this.holds === 0 && this.loose === 0 && !this.paused && this.waiting === 0
  }

  get cost(): number {
    return this.line.head!.permits
  }

  /** Whether its head could be served, as far as this key goes. */
  get isReady(): boolean {
    const { head } = this.line
    return head !== undefined && !this.paused && head.permits <= this.available
  }

  resize(permits: number): void {
    this.permits = permits
    this.largest = Math.max(this.largest, permits)
  }

  /** Heads above the limit stand aside. */
  setAside(limit: number): void {
    for (let { head } = this.line; head !== undefined && head.permits > limit; head = this.line.head) {
      this.line.leave(head)
      this.aside ??= new StandingAside()
      this.aside.add(head.permits, head)
      head.state = "aside"
    }
  }

  /** Those who fit the limit again come back to their places. */
  bringBack(limit: number): void {
    const returning = this.aside?.returning(limit) ?? []
    for (const request of returning) request.state = "waiting"
    this.line.merge(returning)
  }

  /** One who waits gives up. */
  leave(request: KeyedAsk<K>, state: "waiting" | "aside"): void {
    if (state === "waiting") this.line.leave(request)
    else this.aside!.remove(request.permits, request)
  }
}
