/** P6, P8, P9 and P10: checks apart from rolls, durable waits, overrides that say who and until when, nothing decided twice. */
import { type JournalRecord, Judgement, type PipelineChecker, textOf, updateEnds } from './record.ts';

const rollEnds = new Set(['roll-restored', 'roll-failed', 'roll-refused']);
const moving = new Set(['roll-started', 'node-launched', 'node-cordoned', 'node-terminated']);

/** P6: no two e2e runs on a cluster at once, and none while its nodes roll. */
export const checksApart: PipelineChecker = {
  invariant: 'P6',
  check({ journal }) {
    const judgement = new Judgement();
    /** Of each cluster: open runs and rolls by process id, with the update that they belong to. */
    const runs = new OpenParts();
    const rolls = new OpenParts();
    for (const entry of journal) {
      const { cluster, kind, source } = entry;
      if (kind === 'e2e-finished' || kind === 'e2e-cancelled') runs.close(cluster, source);
      if (rollEnds.has(kind)) rolls.close(cluster, source);
      if (updateEnds.has(kind)) {
        runs.closeOf(cluster, source);
        rolls.closeOf(cluster, source);
      }
      if (kind === 'e2e-started') {
        const [run] = runs.open(cluster);
        const [roll] = rolls.open(cluster);
        judgement.note(run !== undefined && `checks start on ${cluster} while ${run} is under way`);
        judgement.note(roll !== undefined && `checks start on ${cluster} while ${roll} moves nodes`);
        runs.add(cluster, textOf(entry, 'run'), source);
      }
      if (!moving.has(kind)) continue;
      const [run] = runs.open(cluster);
      judgement.note(run !== undefined && `${kind} on ${cluster} while ${run} is under way`);
      if (kind === 'roll-started') rolls.add(cluster, source, source.replace(/^roll:(update:.*):[^:]+(:\d+)?$/, '$1'));
    }
    return judgement;
  },
};

class OpenParts {
  readonly #byCluster = new Map<string, Map<string, string>>();

  add(cluster: string, part: string, update: string): void {
    const parts = this.#byCluster.get(cluster) ?? new Map<string, string>();
    this.#byCluster.set(cluster, parts.set(part, update));
  }

  close(cluster: string, part: string): void {
    this.#byCluster.get(cluster)?.delete(part);
  }

  /** Everything that an ended update had open. */
  closeOf(cluster: string, update: string): void {
    const parts = this.#byCluster.get(cluster);
    for (const [part, owner] of parts ?? []) if (owner === update || part.includes(`${update}:`)) parts?.delete(part);
  }

  open(cluster: string): string[] {
    return [...(this.#byCluster.get(cluster)?.keys() ?? [])];
  }
}

/** P8: every process that is not over has a durable wake-up, or a message on its way. */
export const durableWaits: PipelineChecker = {
  invariant: 'P8',
  check({ processes }) {
    const judgement = new Judgement();
    for (const { id, status, wakeAt, pending } of processes) {
      if (status !== 'active') continue;
      judgement.note(wakeAt === null && pending === 0 && `${id} waits for nothing that would come`);
    }
    return judgement;
  },
};

const overriding = /^override-(?:freeze|pin|hold|skip|veto)$/;

/** P9: every override has an actor, a reason and an end. */
export const accountableOverrides: PipelineChecker = {
  invariant: 'P9',
  check({ overrides, journal }) {
    const judgement = new Judgement();
    const judge = (what: string, value: unknown): void => {
      const { actor, reason, expiresAt } = (value ?? {}) as Record<string, unknown>;
      judgement.note(!isText(actor) && `${what} has no actor`);
      judgement.note(!isText(reason) && `${what} has no reason`);
      judgement.note(!(typeof expiresAt === 'number' && Number.isFinite(expiresAt)) && `${what} never expires`);
    };
    for (const { key, value } of overrides) judge(`override ${key}`, value);
    for (const entry of journal) {
      if (entry.kind === 'paused' || entry.kind === 'vetoed' || overriding.test(entry.kind)) {
        judge(`${entry.kind} in entry ${entry.id}`, entry.data);
      }
      if (entry.kind !== 'branch-overridden') continue;
      judgement.note(!isText(textOf(entry, 'actor')) && `entry ${entry.id} moves a branch and does not say who asked`);
      judgement.note(!isText(textOf(entry, 'reason')) && `entry ${entry.id} moves a branch and does not say why`);
    }
    return judgement;
  },
};

function isText(value: unknown): boolean {
  return typeof value === 'string' && value.trim() !== '';
}

/** What may be decided once only, and by what it is told apart. */
const once: Record<string, (entry: JournalRecord) => string> = {
  // what stands in for a bad head may have been a head itself before
  'rollout-requested': (entry) => `${entry.channel}/${textOf(entry, 'commit')}/${textOf(entry, 'instead')}`,
  'rollout-proven': (entry) => entry.source,
  'update-started': (entry) => entry.source,
  'cluster-updated': (entry) => entry.source,
  'cluster-failed': (entry) => entry.source,
  'e2e-started': (entry) => textOf(entry, 'run'),
  'branch-moved': (entry) => `${textOf(entry, 'branch')}/${textOf(entry, 'to')}`,
  'node-terminated': (entry) => /\b(i-[0-9a-z]+)\b/.exec(entry.message)?.[1] ?? entry.message,
};

/** P10, as far as a journal shows it: what happens once was decided once, however often its event came. */
export const nothingTwice: PipelineChecker = {
  invariant: 'P10',
  check({ journal }) {
    const judgement = new Judgement();
    const seen = new Map<string, number>();
    for (const entry of journal) {
      const keyOf = once[entry.kind];
      if (keyOf === undefined) continue;
      const key = `${entry.kind} ${keyOf(entry)}`;
      const before = seen.get(key);
      judgement.note(before !== undefined && `${key} stands in entry ${before} and again in ${entry.id}`);
      seen.set(key, entry.id);
    }
    return judgement;
  },
};
