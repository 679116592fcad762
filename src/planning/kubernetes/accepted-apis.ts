/** Removed APIs that clients may go on asking for although an upgrade takes them away: each with who, why and until when (P9). */

export interface AcceptedApi {
  /** As the refusal names it: `things.v1.a.io`. */
  what: string;
  /** Epoch ms: the end of the day that is named. */
  until: number;
  actor: string;
  reason: string;
}

export const acceptedItem = 'kubernetes_removed_apis_accepted';
const expects = `lines such as 'things.v1.a.io until 2027-01-31 by NAME: REASON'`;

/** The config item, line by line. A line that cannot be read accepts nothing. */
export function parseAcceptedApis(text: string | undefined): { accepted: AcceptedApi[]; problems: string[] } {
  const accepted: AcceptedApi[] = [];
  const problems: string[] = [];
  for (const line of (text ?? '').split('\n').map((each) => each.trim())) {
    if (line === '') continue;
    const match = /^([a-z0-9.-]+) until (\d{4}-\d{2}-\d{2}) by (\S+): (\S.*)$/.exec(line);
    const until = Date.parse(`${match?.[2] ?? ''}T23:59:59.999Z`);
    if (match === null || Number.isNaN(until)) problems.push(line);
    else {
      const [, what = '', , actor = '', reason = ''] = match;
      accepted.push({ what, until, actor, reason });
    }
  }
  return { accepted, problems };
}

/** What is accepted now. */
export function acceptedNow(items: Readonly<Record<string, string>>, now: number): Set<string> {
  const { accepted } = parseAcceptedApis(items[acceptedItem]);
  return new Set(accepted.filter((one) => one.until >= now).map((one) => one.what));
}

/** For `clm validate`: what cannot be read, with what to write instead. */
export function acceptedApiProblems(
  items: Readonly<Record<string, string>>,
): { item: string; message: string; remedy: string }[] {
  return parseAcceptedApis(items[acceptedItem]).problems.map((line) => ({
    item: acceptedItem,
    message: `'${line}' accepts nothing`,
    remedy: `write ${expects}`,
  }));
}
