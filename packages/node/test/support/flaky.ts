/** A module that can be loaded as long as the environment says so. */
export const f = (n: number) => n

if (process.env["HEDDLE_TEST_FLAKY"] === "2") throw new Error("not any more")
