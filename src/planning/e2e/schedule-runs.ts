/** Which clusters are due for a scheduled run of checks. Pure: the same slot is due once, whoever asks and how often. */
import { parseDuration } from '../../support/duration.ts';

export interface ScheduledProfile {
  profile: string;
  everyMs: number;
}

export interface ScheduledCluster {
  id: string;
  profiles: readonly ScheduledProfile[];
}

export interface DueRun {
  cluster: string;
  profile: string;
  /** Counts the intervals since the epoch; with cluster and profile it names the run. */
  slot: number;
}

export interface ScheduleInput {
  now: number;
  clusters: readonly ScheduledCluster[];
  /** Slot of the newest run; undefined = none is known. */
  lastSlot: (cluster: string, profile: string) => number | undefined;
  /** Clusters that an update or another run has in hand. */
  busy: ReadonlySet<string>;
  /** Runs that may start now. */
  free: number;
}

/** Shorter intervals would be one run after the other. */
export const shortestIntervalMs = 60_000;

/** The longest overdue first; clusters begin at different moments of their interval, so that a fleet is not checked all at once. */
export function dueRuns(input: ScheduleInput): DueRun[] {
  const due: (DueRun & { since: number })[] = [];
  for (const cluster of input.clusters) {
    if (input.busy.has(cluster.id)) continue;
    for (const { profile, everyMs } of cluster.profiles) {
      const { slot, since } = slotAt(input.now, `${cluster.id}/${profile}`, everyMs);
      const last = input.lastSlot(cluster.id, profile);
      if (last === undefined || last < slot) due.push({ cluster: cluster.id, profile, slot, since });
    }
  }
  due.sort((a, b) => a.since - b.since || a.cluster.localeCompare(b.cluster) || a.profile.localeCompare(b.profile));
  const taken = new Set<string>();
  return due
    .filter(({ cluster }) => !taken.has(cluster) && taken.add(cluster).size <= input.free)
    .map(({ cluster, profile, slot }) => ({ cluster, profile, slot }));
}

export function slotAt(now: number, key: string, everyMs: number): { slot: number; since: number } {
  const every = Math.max(everyMs, shortestIntervalMs);
  const phase = hash(key) % every;
  const slot = Math.floor((now - phase) / every);
  return { slot, since: slot * every + phase };
}

/** FNV-1a: spreads keys evenly; nothing depends on its quality. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (const letter of text) value = Math.imul(value ^ (letter.codePointAt(0) as number), 0x01000193) >>> 0;
  return value;
}

/** `off`, or `periodic=5m core=6h`: what a cluster's config item says instead of its channel. */
export function parseSchedule(text: string): { profiles: ScheduledProfile[]; problems: string[] } {
  const profiles: ScheduledProfile[] = [];
  const problems: string[] = [];
  const words = text.split(/[\s,]+/).filter((word) => word !== '');
  if (words.length === 1 && words[0] === 'off') return { profiles, problems };
  for (const word of words) {
    const [profile = '', every = ''] = word.split('=');
    const everyMs = parseDuration(every);
    if (profile === '' || everyMs === undefined) problems.push(`'${word}' is not PROFILE=SPAN, like periodic=5m`);
    else if (everyMs < shortestIntervalMs) problems.push(`'${word}' is shorter than a minute`);
    else profiles.push({ profile, everyMs });
  }
  return { profiles, problems };
}
