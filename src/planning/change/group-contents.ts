/** The distinct contents of a pool's groups as they render, and which of them nodes have shown to boot. */
import type { Cluster } from '../../domain/cluster.ts';
import type { CanaryDecision, NodeContent } from '../../domain/node-pool-roll.ts';
import { digestOf } from '../../support/digest.ts';
import { minorName, parseKubernetesVersion } from '../kubernetes/version.ts';
import { type FleetBootRecord, judgeCanaries } from '../roll/canary.ts';
import type { RollPolicy } from '../roll/policy.ts';
import { contentOf, type TemplateOwner } from '../roll/template-content.ts';
import type { Launches, LaunchingGroup } from './launches.ts';

/** What is known of nodes of the fleet that became usable; empty where nobody has kept records. */
export interface BootEvidence {
  records: readonly FleetBootRecord[];
  now: number;
}

export interface GroupContent {
  /** Logical id of the group in its template. */
  group: string;
  /** Groups whose new nodes are alike have the same. */
  key: string;
  /** null where the content cannot be told from the template. */
  content: NodeContent | null;
  canary: CanaryDecision;
}

export interface GroupContentsInput {
  cluster: Pick<Cluster, 'id' | 'localId' | 'apiServerUrl'>;
  pool: string;
  /** That the API server tells by the time of the roll; undefined when the configuration does not say it. */
  kubernetesVersion: string | undefined;
  after: Launches;
  /** What the old nodes were launched from, where it is known. */
  before: Launches | undefined;
  policy: Pick<RollPolicy, 'canary' | 'canaryEvidenceMs'>;
  evidence: BootEvidence;
}

type Read = NodeContent | { unknown: string };

/**
 * Of the groups whose new nodes differ from their old ones; of all where that is not known. Judged like the templates themselves when the roll
 * begins. A template that only the cloud completes (look-ups, outputs) renders to another content than its nodes are recorded with, and so
 * counts as unproven.
 */
export function groupContents(input: GroupContentsInput): GroupContent[] {
  const { after, before, cluster, evidence, policy } = input;
  const known = after.groups.flatMap((group) => {
    const old = before?.groups.find((one) => one.id === group.id);
    const changes = before !== undefined && old !== undefined && launched(before, old) !== launched(after, group);
    return [{ group, old, changes }];
  });
  const changing = known.filter(({ changes }) => changes);
  const rolled = changing.length > 0 ? changing : known;
  const groups = rolled.map(({ group, old }) => ({
    group,
    target: read(input, after, group),
    before: before === undefined || old === undefined ? notKnown : read(input, before, old),
  }));
  const decisions = judgeCanaries({
    policy,
    clusterId: cluster.id,
    groups: groups.map(({ group, ...contents }) => ({ name: group.id, ...contents })),
    ...evidence,
  });
  return groups.flatMap(({ group, target }) => {
    const canary = decisions.get(group.id);
    const content = 'unknown' in target ? null : target;
    const key = content === null ? launched(after, group) : `${content.content}/${content.surroundings}`;
    return canary === undefined ? [] : [{ group: group.id, key, content, canary }];
  });
}

const notKnown = { unknown: 'what is applied is not known' };

/** Digest of all that its instances are launched from. */
function launched({ templates, userData }: Launches, { template, instanceTypes }: LaunchingGroup): string {
  return digestOf({ data: templates.get(template ?? ''), template, instanceTypes, userData });
}

function read({ cluster, kubernetesVersion, pool }: GroupContentsInput, from: Launches, group: LaunchingGroup): Read {
  const data = from.templates.get(group.template ?? '');
  if (data === undefined) return { unknown: 'it launches from nothing that its stack has' };
  const made = data['UserData'];
  if (from.userData === undefined && made !== undefined && typeof made !== 'string')
    return { unknown: 'CloudFormation makes its user data' };
  const version = kubernetesVersion === undefined ? undefined : parseKubernetesVersion(kubernetesVersion);
  if (version === undefined) return { unknown: 'the configuration has no kubernetes_version' };
  const { id: clusterId, localId, apiServerUrl } = cluster;
  const owner: TemplateOwner = { clusterId, localId, apiServerUrl, pool, kubernetes: minorName(version) };
  const { instanceTypes } = group;
  const whole = { ...(asLaunched(data) as Record<string, unknown>), ...userDataOf(data, from.userData) };
  return contentOf(whole, instanceTypes.length === 0 ? {} : { instanceTypes: [...instanceTypes] }, owner);
}

/** Where clm renders it apart, a token stands for it in the template. */
function userDataOf(data: Readonly<Record<string, unknown>>, text: string | undefined): { UserData?: string } {
  if (text === undefined || data['UserData'] === undefined) return {};
  return { UserData: Buffer.from(text).toString('base64') };
}

/** Templates may write numbers and truth values as text; EC2 tells them as what they are. */
function asLaunched(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(asLaunched);
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, asLaunched(item)]));
  if (value === 'true' || value === 'false') return value === 'true';
  return typeof value === 'string' && /^\d{1,9}$/.test(value) ? Number(value) : value;
}
