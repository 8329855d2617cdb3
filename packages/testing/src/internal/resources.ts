/** What the program of a run has acquired and released. */

export interface Resource {
  readonly name: string
  acquired: number
  released: number
}

export class Resources {
  private readonly byName = new Map<string, Resource>()

  reset(): void {
    if (this.byName.size > 0) this.byName.clear()
  }

  get(name: string): Resource {
    let resource = this.byName.get(name)
    if (resource === undefined) this.byName.set(name, (resource = { name, acquired: 0, released: 0 }))
    return resource
  }

  get lost(): ReadonlyArray<Resource> {
    if (this.byName.size === 0) return none
    return [...this.byName.values()].filter(({ acquired, released }) => acquired > released)
  }
}

const none: ReadonlyArray<Resource> = []
