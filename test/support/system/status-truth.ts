/** The world's truth over the last seconds, and whether a status document says something else. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FleetMember } from '../../../src/cli/demo/build-world.ts';
import type { Stage } from '../../../src/cli/demo/stage.ts';
import { clusterVersion } from '../../../src/domain/rendered.ts';
import type { ClusterStatus, StatusDocument } from '../../../src/planning/explain/status-document.ts';
import { wallMs } from '../../../src/support/deadline.ts';

export interface PoolTruth {
  /** Nodes of the new template that carry pods for certain. */
  usable: number;
  /** Nodes of the new template that may be counted: Ready, whatever load balancers say. */
  ready: number;
  desired: number;
}

export interface ClusterTruth {
  /** Nothing of the new version is there yet. */
  untouched: boolean;
  /** Stacks, nodes and manifests are those of the new version, and nothing else is left. */
  arrived: boolean;
  pools: Record<string, PoolTruth>;
}

export interface Truth {
  /** Wall ms. */
  at: number;
  clusters: ReadonlyMap<string, ClusterTruth>;
  heads: Record<string, string>;
}

export interface Comparison {
  /** Figures compared. */
  compared: number;
  wrong: string[];
}

/** How old a truth may be that a document still shows, wall ms. */
export const windowMs = 2_000;

export class TruthHistory {
  readonly #stage: Stage;
  readonly #next: ReadonlyMap<string, FleetMember>;
  readonly #commit: string;
  #truths: Truth[] = [];

  /** `next`: the fleet as it renders at the commit that is on its way. */
  constructor(stage: Stage, commit: string, next: FleetMember[]) {
    this.#stage = stage;
    this.#commit = commit;
    this.#next = new Map(next.map((member) => [member.cluster.id, member]));
  }

  sample(): void {
    const at = wallMs();
    const clusters = new Map(this.#stage.members.map((member) => [member.cluster.id, this.#truthOf(member)]));
    this.#truths.push({ at, clusters, heads: this.#heads() });
    this.#truths = this.#truths.filter((truth) => truth.at >= at - 4 * windowMs);
  }

  /** Compares a document that was asked for at `askedAt` with every truth from 2 s before that until now. */
  compare(status: StatusDocument, askedAt: number): Comparison {
    const truths = this.#truths.filter((truth) => truth.at >= askedAt - windowMs);
    const comparison: Comparison = { compared: 0, wrong: [] };
    const judge = (right: boolean, complaint: () => string): void => {
      comparison.compared += 1;
      if (!right) comparison.wrong.push(complaint());
    };
    for (const cluster of status.clusters) this.#judgeCluster(cluster, truths, judge);
    for (const channel of status.channels) {
      const { name, branch, head, counts } = channel;
      judge(
        head === undefined || truths.some((truth) => truth.heads[branch] === head),
        () => `${name}: head is said to be ${head}, the branch is at ${truths.at(-1)?.heads[branch]}`,
      );
      const members = this.#stage.members
        .filter((member) => member.cluster.channel === name)
        .map((one) => one.cluster.id);
      judge(counts.total === members.length, () => `${name}: ${counts.total} clusters, there are ${members.length}`);
      if (channel.rollout?.commit !== this.#commit) continue;
      const arrived = Math.max(
        ...truths.map((truth) => members.filter((id) => truth.clusters.get(id)?.arrived).length),
      );
      judge(counts.updated <= arrived, () => `${name}: ${counts.updated} updated, at most ${arrived} have arrived`);
      const between = members.filter((id) => truths.every((truth) => isBetween(truth.clusters.get(id))));
      const moving = counts.inFlight + counts.failed;
      judge(moving >= between.length, () => `${name}: ${moving} in flight, but ${between.join(', ')} are half way`);
    }
    return comparison;
  }

  #judgeCluster(
    cluster: ClusterStatus,
    truths: Truth[],
    judge: (right: boolean, complaint: () => string) => void,
  ): void {
    const own = truths.map((truth) => truth.clusters.get(cluster.id)).filter((truth) => truth !== undefined);
    const before = this.#stage.members.find((member) => member.cluster.id === cluster.id);
    const next = this.#next.get(cluster.id);
    if (before === undefined || next === undefined) {
      judge(false, () => `${cluster.id} is not part of the fleet`);
      return;
    }
    const { version, state, alias } = cluster;
    const versions = { old: clusterVersion(before.rendered), new: clusterVersion(next.rendered) };
    judge(
      version === undefined || version === versions.old || version === versions.new,
      () => `${alias}: version ${version} is neither of the two there are`,
    );
    const arrived = own.some((truth) => truth.arrived);
    const untouched = own.some((truth) => truth.untouched);
    if (version === versions.new) judge(arrived, () => `${alias} is said to run ${version}, and it has not arrived`);
    if (state === 'verifying') judge(arrived, () => `${alias} is said to be verified, and the change has not arrived`);
    const rests = state === 'queued' || (state === 'up-to-date' && version !== versions.new);
    if (rests) judge(untouched, () => `${alias} is said to be ${state} at ${version}, and it is being changed`);
    for (const pool of cluster.pools) {
      if (pool.updated === undefined || pool.total === undefined) continue;
      const { updated, total, name } = pool;
      const seen = own.map((truth) => truth.pools[name]).filter((truth) => truth !== undefined);
      const least = Math.min(...seen.map((truth) => truth.usable));
      const most = Math.max(...seen.map((truth) => truth.ready));
      judge(
        updated >= Math.min(least, total) && updated <= most,
        () => `${alias}/${name}: ${updated} nodes updated, there were ${least} to ${most}`,
      );
      const baseline = before.cluster.nodePools.find((one) => one.name === name)?.minSize;
      judge(total === baseline, () => `${alias}/${name}: ${total} nodes, there are ${baseline}`);
      for (const node of pool.nodes) {
        if (node.phase === 'updated')
          judge(most > 0, () => `${alias}/${name}: ${node.name} is said to be updated, no node is`);
      }
    }
  }

  #truthOf({ cluster, rendered }: FleetMember): ClusterTruth {
    const { world } = this.#stage;
    const cloud = world.aws.truth();
    const next = this.#next.get(cluster.id)?.rendered ?? rendered;
    const templates = new Map(cloud.stacks(cluster.id).map((stack) => [stack.name, stack.template]));
    const groups = cloud.groups(cluster.id);
    const nodes = new Map(
      [...world.kube(cluster.id).truth().nodes.values()].map((node) => [
        (node.spec.providerID ?? '').split('/').at(-1) ?? '',
        node,
      ]),
    );
    const pools: Record<string, PoolTruth> = {};
    let outdated = 0;
    let surplus = 0;
    const health = new Map(cloud.loadBalancers().map((balancer) => [balancer.id, balancer.instances]));
    for (const group of groups) {
      const truth: PoolTruth = { usable: 0, ready: 0, desired: group.desired };
      for (const member of group.members) {
        if (/^(Terminat|Detach)/.test(member.state)) continue;
        if (member.outdated) outdated += 1;
        const node = nodes.get(member.instanceId);
        const ready = node?.status?.conditions?.some((one) => one.type === 'Ready' && one.status === 'True') ?? false;
        if (member.outdated || !ready || member.state !== 'InService') continue;
        truth.ready += 1;
        const balanced = [...group.classic, ...group.targetGroups].every((id) =>
          isHealthy(health.get(id)?.[member.instanceId]),
        );
        const settled = world.clock.now() - readySince(node) > settledMs;
        if (balanced && settled && node?.spec.unschedulable !== true) truth.usable += 1;
      }
      surplus += Math.abs(
        group.members.filter((member) => !/^(Terminat|Detach)/.test(member.state)).length - group.desired,
      );
      pools[group.tags['NodePool'] ?? ''] = truth;
    }
    const isAt = (stacks: typeof rendered.stacks): boolean =>
      stacks.every((stack) => templates.get(stack.name) === stack.template);
    const ingress = this.#manifestsAre(cluster.id, next);
    const untouched = isAt(rendered.stacks) && this.#manifestsAre(cluster.id, rendered);
    return { untouched, arrived: isAt(next.stacks) && outdated === 0 && surplus === 0 && ingress, pools };
  }

  /** Images of every workload that the configuration brings. */
  #manifestsAre(cluster: string, rendered: FleetMember['rendered']): boolean {
    const kube = this.#stage.world.kube(cluster).truth();
    const tables = { Deployment: 'deployments.apps', DaemonSet: 'daemonsets.apps' } as const;
    for (const object of rendered.components.flatMap((component) => component.objects)) {
      const table = tables[object.kind as keyof typeof tables];
      if (table === undefined) continue;
      const live = kube.objects(table).get(`${object.metadata.namespace ?? ''}/${object.metadata.name}`);
      if (imagesOf(live) !== imagesOf(object)) return false;
    }
    return true;
  }

  #heads(): Record<string, string> {
    const { pipeline, repository } = this.#stage;
    return Object.fromEntries(
      pipeline.channels.map(({ branch }) => [
        branch,
        readFileSync(join(repository.bare, 'refs', 'heads', branch), 'utf8').trim(),
      ]),
    );
  }
}

/** A node counts as usable a while after it has become ready, and is looked at with a delay: simulated ms. */
const settledMs = 60_000;

function isBetween(truth: ClusterTruth | undefined): boolean {
  return truth !== undefined && !truth.arrived && !truth.untouched;
}

function isHealthy(state: unknown): boolean {
  return state === 'healthy';
}

function readySince(
  node: { status?: { conditions?: { type: string; lastTransitionTime?: string }[] } } | undefined,
): number {
  const at = node?.status?.conditions?.find((one) => one.type === 'Ready')?.lastTransitionTime;
  return at === undefined ? Number.POSITIVE_INFINITY : Date.parse(at);
}

function imagesOf(object: unknown): string {
  const spec = (object as { spec?: { template?: { spec?: { containers?: { image?: string }[] } } } } | undefined)?.spec;
  return (spec?.template?.spec?.containers ?? []).map((container) => container.image).join(' ');
}
