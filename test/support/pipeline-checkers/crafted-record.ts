/** A short run in which nothing is wrong, to plant violations in: two channels, one cluster each, one promotion. */
import type { JournalRecord, PipelineRecord } from './record.ts';

export const oldCommit = 'a'.repeat(40);
export const newCommit = 'b'.repeat(40);
/** A commit that nobody promotes. */
export const strayCommit = 'c'.repeat(40);
const tree = 'd'.repeat(40);
const minute = 60_000;

export type Entry = Omit<JournalRecord, 'id' | 'at'> & { at?: number };

export function entry(kind: string, parts: Partial<Entry> = {}): Entry {
  return { source: '', seq: 1, channel: '', cluster: '', commit: '', message: kind, data: null, kind, ...parts };
}

/** The update of one cluster, from its start to its record. */
export function updateOf(channel: string, cluster: string, commit = newCommit, attempt = 1): Entry[] {
  const source = `update:${channel}:${commit}:${cluster}:${attempt}`;
  const rollout = `rollout:${channel}:${commit}`;
  const run = `e2e:${source}:1`;
  const roll = `roll:${source}:workers`;
  const version = `${commit}#0123456789abcdef`;
  const where = { channel, cluster, commit };
  return [
    entry('update-started', { ...where, source, data: { rollout, attempt } }),
    entry('update-planned', { ...where, source, data: { version } }),
    entry('roll-started', { ...where, source: roll }),
    entry('node-terminated', {
      ...where,
      source: roll,
      message: `node of ${cluster} (i-0${cluster.length}) is terminated`,
    }),
    entry('roll-restored', { ...where, source: roll }),
    entry('e2e-started', { ...where, source, data: { run, version } }),
    entry('e2e-finished', { ...where, source: run, data: { version, checks: 5, bad: [] } }),
    entry('cluster-updated', {
      ...where,
      source,
      data: { version, tree, attempt, rollout, evidence: `${cluster}/${commit}/${attempt}`, inheritedFrom: null },
    }),
  ];
}

function rolloutOf(channel: string, cluster: string): Entry[] {
  const where = { channel, commit: newCommit };
  const rollout = `rollout:${channel}:${newCommit}`;
  return [
    entry('rollout-requested', {
      channel,
      source: `channel:${channel}`,
      data: { commit: newCommit, tree, subject: 'x' },
    }),
    entry('rollout-planned', { ...where, source: rollout, data: { waves: [], unchanged: [], warnings: [] } }),
    entry('clusters-started', { ...where, source: rollout, data: { clusters: [cluster] } }),
    ...updateOf(channel, cluster),
    entry('rollout-proven', {
      ...where,
      source: rollout,
      data: { commit: newCommit, tree, green: [cluster], notGreen: [] },
    }),
  ];
}

export const moved = (from = oldCommit, to = newCommit): Entry =>
  entry('branch-moved', {
    channel: 'dev',
    source: `promotion:dev:stable:${to}`,
    commit: to,
    data: { branch: 'stable', from, to, tree, channel: 'dev', target: 'stable', rollout: `rollout:dev:${to}` },
  });

export function goodJournal(): Entry[] {
  const adopted = (channel: string): Entry =>
    entry('head-adopted', { channel, source: `channel:${channel}`, data: { commit: oldCommit, tree: 'e'.repeat(40) } });
  return [
    adopted('dev'),
    adopted('stable'),
    ...rolloutOf('dev', 'aws:1:eu:one'),
    moved(),
    ...rolloutOf('stable', 'aws:2:eu:three'),
  ];
}

/** Numbers the entries; each comes a minute after the one before unless it says when. */
export function recordWith(entries: Entry[], parts: Partial<PipelineRecord> = {}): PipelineRecord {
  const order = [oldCommit, newCommit];
  return {
    journal: entries.map((one, index) => ({ ...one, id: index + 1, at: one.at ?? index * minute })),
    clusters: [
      { id: 'aws:1:eu:one', channel: 'dev' },
      { id: 'aws:2:eu:three', channel: 'stable' },
    ],
    rules: {
      maxParallel: 2,
      channels: [
        { name: 'dev', branch: 'dev', promotesTo: ['stable'], maxParallel: 1, maxFailures: 0 },
        { name: 'stable', branch: 'stable', promotesTo: [], maxParallel: 2, maxFailures: 0 },
      ],
    },
    repository: {
      heads: { dev: newCommit, stable: newCommit },
      moves: [
        { branch: 'dev', from: '', to: oldCommit },
        { branch: 'dev', from: oldCommit, to: newCommit },
        { branch: 'stable', from: '', to: oldCommit },
        { branch: 'stable', from: oldCommit, to: newCommit },
      ],
      isAncestor: (ancestor, descendant) =>
        order.includes(ancestor) && order.indexOf(ancestor) <= order.indexOf(descendant),
      treeOf: () => tree,
    },
    processes: [{ id: 'channel:dev', status: 'active', wakeAt: 1, pending: 0 }],
    overrides: [{ key: 'pause/fleet', value: { kind: 'pause', actor: 'jo', reason: 'a drill', expiresAt: 5 } }],
    ...parts,
  };
}

/** The same entries with one changed. */
export function changed(
  entries: Entry[],
  kind: string,
  data: Record<string, unknown>,
  parts: Partial<Entry> = {},
): Entry[] {
  let done = false;
  return entries.map((one) => {
    if (done || one.kind !== kind) return one;
    done = true;
    return { ...one, ...parts, data: { ...(one.data as object), ...data } };
  });
}

/** The same entries with some put in after the first of a kind. */
export function after(entries: Entry[], kind: string, ...more: Entry[]): Entry[] {
  const index = entries.findIndex((one) => one.kind === kind);
  return [...entries.slice(0, index + 1), ...more, ...entries.slice(index + 1)];
}

export function without(entries: Entry[], kind: string): Entry[] {
  const index = entries.findIndex((one) => one.kind === kind);
  return entries.filter((_, position) => position !== index);
}
