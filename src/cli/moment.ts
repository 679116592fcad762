/** A moment as people write it: a day and a time, in the zone of this shell unless it names one. */

const written = /^(\d{4})-(\d{2})-(\d{2})T([01]\d|2[0-3]):[0-5]\d(:[0-5]\d)?(Z|[+-]\d{2}:\d{2})?$/;

/** Epoch milliseconds, or undefined when it is no moment. A day that no month has is none. */
export function parseMoment(text: string): number | undefined {
  const parts = written.exec(text);
  if (parts === null) return undefined;
  const [, year, month, day] = parts;
  const date = new Date(Date.UTC(Number(year), Number(month) - 1, Number(day)));
  if (date.toISOString().slice(0, 10) !== `${year}-${month}-${day}`) return undefined;
  const at = Date.parse(text);
  return Number.isFinite(at) ? at : undefined;
}
