/** A module that cannot be loaded. */
export const f = (n: number) => n

throw new Error("broken")
