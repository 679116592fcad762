/** What is to go wrong in a simulated promotion: `fail kube-12 at beta for 2h`. */

import type { Cluster } from '../../domain/cluster.ts';
import { nearMatches } from '../../domain/near-matches.ts';
import type { Problem } from '../../domain/problem.ts';
import { parseDuration } from '../../support/duration.ts';
import type { Random } from '../../support/random.ts';

export const faultKinds = ['fail', 'stall', 'block'] as const;
export type FaultKind = (typeof faultKinds)[number];

export interface Fault {
  /** As it was written. */
  text: string;
  kind: FaultKind;
  /** A cluster by alias or id, or so many of the channel that `channel` names. */
  target: { cluster: string } | { count: number };
  channel?: string;
  /** Beginning of a commit. */
  commit?: string;
  /** From the moment it first shows; without end unless given. */
  forMs?: number;
}

export const faultGrammar =
  "write KIND CLUSTER [at CHANNEL|COMMIT] [for DURATION]: 'fail kube-12', 'stall 2 at beta for 3h', 'block any at stable'";

/** Every fault of a list (`;` between them), or everything that is wrong with it. */
export function parseFaults(
  texts: readonly string[],
  known: { clusters: readonly Cluster[]; channels: readonly string[] },
): { faults: Fault[]; problems: Problem[] } {
  const faults: Fault[] = [];
  const problems: Problem[] = [];
  const parts = texts.flatMap((text) => text.split(';')).map((text) => text.trim().replaceAll(/\s+/g, ' '));
  for (const text of parts.filter((one) => one !== '')) {
    const parsed = parseFault(text, known);
    if ('fault' in parsed) faults.push(parsed.fault);
    else problems.push({ file: '--faults', ...parsed });
  }
  return { faults, problems };
}

function parseFault(
  text: string,
  { clusters, channels }: { clusters: readonly Cluster[]; channels: readonly string[] },
): { fault: Fault } | Pick<Problem, 'message' | 'remedy'> {
  const match = /^(\S+) (\S+)(?: at (\S+))?(?: for (\S+))?$/.exec(text);
  const kind = faultKinds.find((one) => one === match?.[1]);
  const [, , who = '', at, span] = match ?? [];
  if (match === null || kind === undefined) return { message: `'${text}' is no fault`, remedy: faultGrammar };
  const forMs = span === undefined ? undefined : parseDuration(span);
  if (span !== undefined && forMs === undefined)
    return { message: `'${text}': ${span} is no duration`, remedy: 'write 30m, 4h or 2d' };
  const channel = at !== undefined && channels.includes(at) ? at : undefined;
  const commit = at !== undefined && channel === undefined ? at : undefined;
  if (commit !== undefined && !/^[0-9a-f]{7,40}$/.test(commit)) {
    return {
      message: `'${text}': ${commit} is neither a channel nor a commit`,
      remedy: `use one of ${channels.join(', ')}, or seven digits of a commit`,
    };
  }
  const where = { ...(channel === undefined ? {} : { channel }), ...(commit === undefined ? {} : { commit }) };
  const rest = { text, kind, ...where, ...(forMs === undefined ? {} : { forMs }) };
  const count = who === 'any' ? 1 : /^\d+$/.test(who) ? Number(who) : undefined;
  if (count !== undefined) {
    if (channel !== undefined && count > 0) return { fault: { ...rest, target: { count } } };
    return {
      message: `'${text}' names no clusters`,
      remedy: `say on which channel: '${kind} ${who} at ${channels.at(-1)}'`,
    };
  }
  const found = clusters.find((one) => one.alias === who || one.id === who);
  if (found === undefined) {
    const near = nearMatches(
      who,
      clusters.map((one) => one.alias),
    );
    return {
      message: `'${text}': there is no cluster ${who}`,
      remedy: near.length > 0 ? `did you mean ${near.join(' or ')}?` : 'clm clusters lists them',
    };
  }
  return { fault: { ...rest, target: { cluster: found.id } } };
}

interface Placed {
  fault: Fault;
  clusters: ReadonlySet<string>;
  /** When it first showed, by cluster. */
  since: Map<string, number>;
}

/** The faults of one draw, on the clusters that it has drawn for them. */
export class PlacedFaults {
  readonly #placed: Placed[];

  constructor(faults: readonly Fault[], clusters: readonly Cluster[], random: Random) {
    this.#placed = faults.map((fault) => ({ fault, clusters: chosen(fault, clusters, random), since: new Map() }));
  }

  /** The fault of that kind that shows on a cluster at this moment; from its first look it lasts as long as it says. */
  on(kind: FaultKind, cluster: { id: string; channel: string }, commit: string, now: number): Fault | undefined {
    for (const { fault, clusters, since } of this.#placed) {
      if (fault.kind !== kind || !clusters.has(cluster.id)) continue;
      if (fault.channel !== undefined && fault.channel !== cluster.channel) continue;
      if (fault.commit !== undefined && !commit.startsWith(fault.commit)) continue;
      const first = since.get(cluster.id) ?? now;
      since.set(cluster.id, first);
      if (fault.forMs === undefined || now < first + fault.forMs) return fault;
    }
    return undefined;
  }

  /** Texts of faults that never showed: their clusters did nothing that could go wrong so. */
  unseen(): string[] {
    return this.#placed.filter(({ since }) => since.size === 0).map(({ fault }) => fault.text);
  }

  /** The last end of a fault that has begun and passes by itself. */
  lastEnd(): number {
    const ends = this.#placed.flatMap(({ fault, since }) => [...since.values()].map((at) => at + (fault.forMs ?? 0)));
    return Math.max(0, ...ends);
  }
}

function chosen(fault: Fault, clusters: readonly Cluster[], random: Random): Set<string> {
  if ('cluster' in fault.target) return new Set([fault.target.cluster]);
  const left = clusters.filter((one) => one.channel === fault.channel && one.lifecycleStatus === 'ready');
  const taken = new Set<string>();
  while (taken.size < fault.target.count && left.length > 0) {
    const [one] = left.splice(random.int(left.length), 1);
    if (one !== undefined) taken.add(one.id);
  }
  return taken;
}
