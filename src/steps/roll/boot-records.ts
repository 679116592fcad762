/** What nodes of which content became usable, in the store: a fact a pool, bounded; and what that means for a roll that begins. */
import { z } from 'zod';
import type { Cluster } from '../../domain/cluster.ts';
import { FailureError } from '../../domain/failure.ts';
import type { CanaryDecision, NodeContent, RollGroupMemory } from '../../domain/node-pool-roll.ts';
import {
  type CanaryInput,
  type FleetBootRecord,
  isSpent,
  judgeCanaries,
  withBoots,
} from '../../planning/roll/canary.ts';
import type { RollPolicy } from '../../planning/roll/policy.ts';
import { contentOf, type TemplateOwner } from '../../planning/roll/template-content.ts';
import type { NodeGroup } from '../../ports/cloud-provider.ts';
import type { ClusterSession } from '../../ports/cluster-session.ts';
import type { Fact, FactWrite, Json } from '../../ports/store.ts';
import { historyKey } from './measurements.ts';
import type { RollVisit } from './roll-context.ts';

export const bootsKind = 'boot-records';
/** Facts without anything of use left, removed with one look. */
const mostRemoved = 50;

const stored = z.object({
  clusterId: z.string(),
  pool: z.string(),
  records: z
    .array(
      z.object({
        content: z.string(),
        surroundings: z.string(),
        image: z.string(),
        nodes: z.number(),
        since: z.number(),
        lastAt: z.number(),
        failedAt: z.number().nullable(),
      }),
    )
    .max(100),
});

/** Facts of `bootsKind`; one that cannot be read proves nothing. */
export function readBootRecords(facts: readonly Pick<Fact, 'value'>[]): FleetBootRecord[] {
  return facts.flatMap(({ value }) => {
    const found = stored.safeParse(value);
    if (!found.success) return [];
    const { clusterId, pool, records } = found.data;
    return records.map((one) => ({ ...one, clusterId, pool }));
  });
}

export interface CanaryQuestion {
  session: Pick<ClusterSession, 'cloud' | 'kube'>;
  cluster: Pick<Cluster, 'id' | 'localId' | 'apiServerUrl'> | undefined;
  pool: string;
  policy: Pick<RollPolicy, 'canary' | 'canaryEvidenceMs'>;
  /** Groups with nodes to replace, and what most of those were launched from. */
  groups: { group: NodeGroup; before: RollGroupMemory['previous'] }[];
  records: readonly FleetBootRecord[];
  now: number;
}

/** Reads the templates and judges, by group. What cannot be read asks for a canary, and fails nothing. */
export async function canaryFor(
  question: CanaryQuestion,
): Promise<{ decisions: Map<string, CanaryDecision>; contents: Map<string, NodeContent> }> {
  const { cluster, session, pool, policy } = question;
  const contents = new Map<string, NodeContent>();
  const kubernetes = question.groups.length === 0 ? '' : await knownOr(() => servingMinor(session));
  const groups: CanaryInput['groups'] = [];
  for (const { group, before } of question.groups) {
    const read = async (template: RollGroupMemory['previous']): Promise<NodeContent | { unknown: string }> => {
      if (template === null) return { unknown: 'no launch template of theirs is known' };
      if (cluster === undefined) return { unknown: 'the registry does not know the cluster' };
      if (typeof kubernetes !== 'string') return kubernetes;
      const { id: clusterId, localId, apiServerUrl } = cluster;
      const owner: TemplateOwner = { clusterId, localId, apiServerUrl, pool, kubernetes };
      return knownOr(async () => contentOf(await session.cloud.launchTemplate(template), group, owner));
    };
    const target = await read(group.launchTemplate);
    if (!('unknown' in target)) contents.set(group.name, target);
    groups.push({ name: group.name, target, before: await read(before) });
  }
  const { records, now } = question;
  return { decisions: judgeCanaries({ policy, clusterId: cluster?.id ?? '', groups, records, now }), contents };
}

async function knownOr<T>(read: () => Promise<T>): Promise<T | { unknown: string }> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof FailureError)) throw error;
    return { unknown: error.failure.message };
  }
}

const versionAnswer = z.object({ major: z.string(), minor: z.string() });

async function servingMinor({ kube }: CanaryQuestion['session']): Promise<string | { unknown: string }> {
  const { status, body } = await kube.raw('/version');
  const unknown = { unknown: `the API server answers ${status} on /version` };
  if (status !== 200) return unknown;
  try {
    const { major, minor } = versionAnswer.parse(JSON.parse(body));
    return `${major}.${minor}`;
  } catch {
    return unknown;
  }
}

/** Reads what is on record of the pool, once a process. */
export async function loadBootRecords(visit: RollVisit): Promise<void> {
  const { clusterId, pool } = visit.step.context;
  if (visit.ledger.bootRecords.has(pool)) return;
  const all = await visit.parts.fleet.bootRecords(historyKey(clusterId, pool));
  visit.ledger.bootRecords.set(
    pool,
    all
      .filter((one) => one.clusterId === clusterId && one.pool === pool)
      .map(({ clusterId: _cluster, pool: _pool, ...record }) => record),
  );
}

/** The fact with what this look has seen of the pool's new nodes; nothing when it has seen nothing. */
export function bootFacts(visit: RollVisit): FactWrite[] {
  const { boots, step } = visit;
  const { clusterId, pool, memory } = step.context;
  if (memory === null || boots.usable.length + boots.failed.length === 0) return [];
  const key = historyKey(clusterId, pool);
  let records = visit.ledger.bootRecords.get(pool) ?? [];
  for (const { name, content } of memory.groups) {
    if (content === null) continue;
    const usable = boots.usable.filter((group) => group === name).length;
    const failed = boots.failed.includes(name);
    if (usable > 0 || failed) records = withBoots(records, content, { usable, failed, now: visit.now() });
  }
  if (records === visit.ledger.bootRecords.get(pool) || records.length === 0) return [];
  visit.ledger.bootRecords.set(pool, records);
  return [{ kind: bootsKind, key, value: { clusterId, pool, records } as unknown as Json }];
}

/** Facts that prove nothing any more, of pools that are rolled no more. */
export function spentFacts(records: readonly FleetBootRecord[], now: number): FactWrite[] {
  const byPool = new Map<string, FleetBootRecord[]>();
  for (const one of records) {
    const key = historyKey(one.clusterId, one.pool);
    byPool.set(key, [...(byPool.get(key) ?? []), one]);
  }
  return [...byPool]
    .filter(([, own]) => isSpent(own, now))
    .slice(0, mostRemoved)
    .map(([key]) => ({ kind: bootsKind, key, value: null }));
}
