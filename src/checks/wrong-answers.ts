import { type CheckContext, CheckFailed } from './contract.ts';

/** People read the message in a line of `clm status`; all of it is in the report. */
const namedAtMost = 2;
const longestNamed = 240;
const notedAtMost = 100;

const cut = (text: string, length: number): string => (text.length > length ? `${text.slice(0, length)}…` : text);

/** Fails the check for answers that are wrong: the first are named, each is a step of the report. `what` follows their number. */
export function failFor(context: CheckContext, what: string, wrong: readonly string[]): never {
  for (const one of wrong.slice(0, notedAtMost)) {
    const [where = '', ...rest] = one.split(': ');
    context.note(where, 'fail', rest.join(': '));
  }
  const named = wrong.slice(0, namedAtMost).map((one) => cut(one, longestNamed));
  const more = wrong.length > namedAtMost ? `; and ${wrong.length - namedAtMost} more` : '';
  throw new CheckFailed(`${wrong.length} ${what}: ${named.join('; ')}${more}`);
}
