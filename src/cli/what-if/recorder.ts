/** Listens to what the engine commits in a simulated promotion, and keeps what a timeline is made of. */
import type { GateRecord } from '../../domain/gate.ts';
import type { StoredWait } from '../../domain/stored.ts';
import type { Committed } from '../../engine/engine-options.ts';
import type { TimelineEntry, WhatIfWait } from './document.ts';

/** Entries of the journal that tell how the version gets on; those of single steps would drown them. */
const told = new Set([
  'bisect-cancelled',
  'bisect-found',
  'bisect-inconclusive',
  'bisect-planned',
  'bisect-try',
  'branch-moved',
  'branch-overridden',
  'channel-held',
  'channel-cleared',
  'cluster-catches-up',
  'cluster-failed',
  'cluster-recovered',
  'cluster-stalled',
  'cluster-updated',
  'clusters-rest',
  'debt-repaid',
  'gate-inconclusive',
  'promotion-approved',
  'promotion-held',
  'promotion-met',
  'promotion-proposed',
  'promotion-superseded',
  'rollback-impossible',
  'rollback-requested',
  'rollout-halted',
  'rollout-planned',
  'rollout-proven',
  'rollout-requested',
  'rollout-soaked',
  'rollout-superseded',
  'rollout-verified',
  'vetoed',
  'wave-started',
]);
/** Waits that are the work itself, or nothing to do. */
const work = new Set(['children', 'children-stopping', 'next-commit', 'slot']);
const listening = new Set(['rollout', 'promotion', 'channel']);

interface OpenWait {
  channel: string;
  wait: StoredWait;
  openedBy: string;
}

export class Recorder {
  readonly entries: TimelineEntry[] = [];
  readonly waits: WhatIfWait[] = [];
  /** Decision time of the last thing that the journal was told. */
  lastAt: number;
  readonly #from: number;
  readonly #open = new Map<string, OpenWait>();

  constructor(from: number) {
    this.#from = from;
    this.lastAt = from;
  }

  committed({ row, journal }: Committed): void {
    for (const { at, kind, message, channel, cluster } of journal) {
      this.lastAt = Math.max(this.lastAt, at);
      if (told.has(kind)) this.entries.push({ ...this.#moment(at), channel, cluster, kind, message });
    }
    if (listening.has(row.machine)) this.#keepWait(row);
  }

  /** What somebody of the simulation does. */
  say(at: number, channel: string, kind: string, message: string): void {
    this.entries.push({ ...this.#moment(at), channel, cluster: '', kind, message });
  }

  /** What is waited for at the end. */
  close(now: number): void {
    for (const open of this.#open.values()) this.#push(open, now, null);
    this.#open.clear();
    this.waits.sort((a, b) => (a.from < b.from ? -1 : a.from > b.from ? 1 : 0));
  }

  #moment(at: number): { at: string; afterSeconds: number } {
    return { at: iso(at), afterSeconds: Math.max(0, Math.round((at - this.#from) / 1000)) };
  }

  #keepWait(row: Committed['row']): void {
    const { wait, gates, target } = row.context as { wait?: StoredWait | null; gates?: GateRecord[]; target?: string };
    const now = row.status === 'active' && wait != null && !work.has(wait.code) ? wait : undefined;
    const before = this.#open.get(row.id);
    if (before !== undefined && before.wait.code !== now?.code) {
      this.#push(before, row.updatedAt, row.updatedAt);
      this.#open.delete(row.id);
    }
    if (now === undefined) return;
    const shut = gates?.filter((gate) => gate.state === 'closed' && gate.openedBy !== '') ?? [];
    const openedBy = shut.map((gate) => `${gate.name}: ${gate.openedBy}`).join('; ');
    this.#open.set(row.id, { channel: target ?? row.channel, wait: now, openedBy });
  }

  #push({ channel, wait, openedBy }: OpenWait, end: number, until: number | null): void {
    const { code, message, since } = wait;
    const seconds = Math.round((end - since) / 1000);
    if (seconds <= 0) return;
    const from = iso(since);
    this.waits.push({ channel, code, message, openedBy, from, until: until === null ? null : iso(until), seconds });
  }
}

export function iso(at: number): string {
  return new Date(at).toISOString();
}
