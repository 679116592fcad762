/** Answers of look-ups, locked for each commit, account and region at the first that asks. */
import type { Cluster } from '../domain/cluster.ts';
import { type LookupQuestion, questionKey, type RecordedLookups } from '../domain/lookups.ts';
import type { CloudLookups } from '../ports/cloud-lookups.ts';
import type { FactWrite, Json, ReadStore, Store } from '../ports/store.ts';
import { BoundedCache } from '../support/bounded-cache.ts';

export interface LookupRecord {
  recorded(commit: string, cluster: Cluster): Promise<RecordedLookups>;
  /** Asks what is not recorded yet, and records the answers. Two that ask at once share the answer. */
  resolve(commit: string, cluster: Cluster, questions: LookupQuestion[], cloud: CloudLookups): Promise<void>;
}

const factKind = 'lookups';
const keptInMemory = 1_000;
/** What no channel has asked for in this time is not going to be asked again. */
const keptMs = 180 * 24 * 3_600_000;

/** `store` keeps the answers over restarts and for later channels; without one they live as long as the process. */
export function createLookupRecord(
  store: Pick<ReadStore, 'fact' | 'facts'> | undefined,
  post: Store['post'] | undefined,
  now: () => number,
): LookupRecord {
  const known = new BoundedCache<string, Promise<Map<string, unknown>>>({ maxEntries: keptInMemory });
  const asking = new Map<string, Promise<void>>();

  function answersOf(key: string): Promise<Map<string, unknown>> {
    let answers = known.get(key);
    if (answers === undefined) {
      answers = readFact(store, key);
      known.set(key, answers);
      answers.catch(() => known.delete(key));
    }
    return answers;
  }

  async function ask(key: string, questions: LookupQuestion[], cloud: CloudLookups): Promise<void> {
    const answers = await answersOf(key);
    const open = questions.filter((question) => !answers.has(questionKey(question)));
    if (open.length === 0) return;
    for (const question of open) answers.set(questionKey(question), await cloud.answer(question));
    if (post === undefined) return;
    const value = Object.fromEntries([...answers].sort(([a], [b]) => (a < b ? -1 : 1))) as Record<string, Json>;
    const facts: FactWrite[] = [{ kind: factKind, key, value, exact: true }, ...(await outdated(store, key, now()))];
    await post({ facts, now: now() });
  }

  return {
    async recorded(commit, cluster) {
      return Object.fromEntries(await answersOf(recordKey(commit, cluster)));
    },
    async resolve(commit, cluster, questions, cloud) {
      const key = recordKey(commit, cluster);
      // one after the other for each place, so that no two records of it are written at once
      const before = asking.get(key) ?? Promise.resolve();
      const mine = before.catch(() => undefined).then(() => ask(key, questions, cloud));
      asking.set(key, mine);
      try {
        await mine;
      } finally {
        if (asking.get(key) === mine) asking.delete(key);
      }
    },
  };
}

function recordKey(commit: string, cluster: Cluster): string {
  return `${commit} ${cluster.infrastructureAccount} ${cluster.region}`;
}

async function readFact(store: Pick<ReadStore, 'fact'> | undefined, key: string): Promise<Map<string, unknown>> {
  const value = (await store?.fact(factKind, key))?.value;
  return new Map(Object.entries((value ?? {}) as Record<string, unknown>));
}

async function outdated(
  store: Pick<ReadStore, 'facts'> | undefined,
  except: string,
  now: number,
): Promise<{ kind: string; key: string; value: null }[]> {
  const facts = (await store?.facts(factKind)) ?? [];
  return facts
    .filter((fact) => fact.key !== except && now - fact.updatedAt > keptMs)
    .map(({ kind, key }) => ({ kind, key, value: null }));
}

/**
 * A record that answers for commits nobody has rendered yet with what the newest other commit was told in the same account and region.
 * The daemon asks anew for such a commit, and may be told something else.
 */
export async function withEarlierAnswers(
  record: LookupRecord,
  store: Pick<ReadStore, 'facts'> | undefined,
): Promise<LookupRecord> {
  const earlier = new Map<string, Record<string, unknown>>();
  const facts = [...((await store?.facts(factKind)) ?? [])].sort((a, b) => a.updatedAt - b.updatedAt);
  for (const { key, value } of facts) {
    const place = key.slice(key.indexOf(' ') + 1);
    earlier.set(place, { ...earlier.get(place), ...(value as Record<string, unknown>) });
  }
  return {
    ...record,
    async recorded(commit, cluster) {
      const place = `${cluster.infrastructureAccount} ${cluster.region}`;
      return { ...earlier.get(place), ...(await record.recorded(commit, cluster)) };
    },
  };
}
