/** The result, or the sentence of what was thrown: for code whose exceptions must cost one row only. */
export type Attempt<T> = { ok: true; value: T } | { ok: false; reason: string };

export function attempt<T>(work: () => T): Attempt<T> {
  try {
    return { ok: true, value: work() };
  } catch (error) {
    return { ok: false, reason: error instanceof Error ? error.message : String(error) };
  }
}
