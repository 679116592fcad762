/** Eventual consistency: a region as its describes may still show it, each object as of a moment of its own. */
import type { Stack } from './cfn/stack.ts';
import type { RegionState } from './region-state.ts';
import type { Ec2Instance, Registrations, Tracked } from './resources.ts';
import type { ScalingGroup } from './scaling-group.ts';

interface Snapshot {
  copy: unknown;
  takenAt: number;
}

const leastShare = 0.2;

/** The share of the allowed age that this snapshot reaches, decided by what it is of and when: the same in every run. */
function shareOf(key: string, takenAt: number): number {
  let h = 2166136261;
  const text = `${key}@${takenAt}`;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 16777619);
  return leastShare + (1 - leastShare) * ((h >>> 0) / 4294967296);
}

function instanceCopy(instance: Ec2Instance): Ec2Instance {
  return { ...instance, tags: new Map(instance.tags) };
}

function groupCopy(group: ScalingGroup): ScalingGroup {
  const members = [...group.members].map(
    ([id, member]) => [id, { ...member, instance: instanceCopy(member.instance) }] as const,
  );
  return {
    ...group,
    members: new Map(members),
    hooks: new Map(group.hooks),
    suspended: new Map(group.suspended),
    tags: new Map(group.tags),
    classic: [...group.classic],
    targetGroups: [...group.targetGroups],
    activities: group.activities.map((activity) => ({ ...activity })),
    refreshes: group.refreshes.map((refresh) => ({ ...refresh, queue: [...refresh.queue] })),
  };
}

function stackCopy(stack: Stack): Stack {
  return {
    ...stack,
    resources: new Map([...stack.resources].map(([id, resource]) => [id, { ...resource }])),
    outputs: [...stack.outputs],
    events: [...stack.events],
    changeSets: new Map([...stack.changeSets].map(([name, changeSet]) => [name, { ...changeSet }])),
  };
}

/** Registrations as they were: they answer reads and take no orders. */
function registrationsCopy(live: Registrations): Registrations {
  const views = live.views().map((tracked): Tracked => ({ ...tracked, onDrained: [] }));
  const refuse = (): never => {
    throw new Error('registrations of the past cannot change');
  };
  return {
    name: live.name,
    register: refuse,
    deregister: refuse,
    drop: refuse,
    dropAll: refuse,
    poke: () => undefined,
    view: (id) => views.find((each) => each.instanceId === id),
    views: () => views,
    peek: () => Object.fromEntries(views.map((each) => [each.instanceId, each.state])),
  };
}

/** Keeps a snapshot of each object while describes are stale. */
export class PastRegions {
  readonly #snapshots = new WeakMap<RegionState, Map<string, Map<string, Snapshot>>>();

  /** The region as a reader sees it now, no object older than `staleMs`. Only for actions that read. */
  view(live: RegionState, staleMs: number, now: number): RegionState {
    const known = this.#snapshots.get(live) ?? new Map<string, Map<string, Snapshot>>();
    this.#snapshots.set(live, known);
    const past = <T>(
      kind: string,
      objects: ReadonlyMap<string, T>,
      copy: (object: T) => T,
      createdAt: (object: T) => number = () => 0,
    ): Map<string, T> => {
      const snapshots = known.get(kind) ?? new Map<string, Snapshot>();
      known.set(kind, snapshots);
      return pastOf({ kind, objects, snapshots, staleMs, now, copy, createdAt });
    };
    const stacks = past('stack', live.stacks, stackCopy, (stack) => stack.createdAt);
    const liveStacks = [...stacks.values()].filter((stack) => stack.status !== 'DELETE_COMPLETE');
    const templates = past(
      'template',
      live.templates,
      (template) => ({ ...template, versions: [...template.versions], tags: new Map(template.tags) }),
      (template) => template.createdAt,
    );
    const views: Partial<RegionState> = {
      ended: [],
      groups: past('group', live.groups, groupCopy, (group) => group.createdAt),
      instances: past('instance', live.instances, instanceCopy, (instance) => instance.launchedAt),
      stacks,
      stackIds: new Map(liveStacks.map((stack) => [stack.name, stack.id])),
      templates,
      templateIds: new Map([...templates.values()].map((template) => [template.name, template.id])),
      classic: past(
        'classic',
        live.classic,
        (balancer) => ({ ...balancer, tracker: registrationsCopy(balancer.tracker) }),
        (balancer) => balancer.createdAt,
      ),
      targetGroups: past('target-group', live.targetGroups, (group) => ({
        ...group,
        tracker: registrationsCopy(group.tracker),
      })),
    };
    return Object.assign(Object.create(live) as RegionState, views);
  }
}

function pastOf<T>(input: {
  kind: string;
  objects: ReadonlyMap<string, T>;
  snapshots: Map<string, Snapshot>;
  staleMs: number;
  now: number;
  copy: (object: T) => T;
  createdAt: (object: T) => number;
}): Map<string, T> {
  const { objects, snapshots, staleMs, now } = input;
  const age = (id: string, at: number): number => staleMs * shareOf(`${input.kind}/${id}`, at);
  const seen = new Map<string, T>();
  for (const [id, object] of objects) {
    let snapshot = snapshots.get(id);
    const createdAt = input.createdAt(object);
    if (!snapshot && now - createdAt < age(id, createdAt)) continue;
    if (!snapshot || now - snapshot.takenAt >= age(id, snapshot.takenAt)) {
      snapshot = { copy: input.copy(object), takenAt: now };
      snapshots.set(id, snapshot);
    }
    seen.set(id, snapshot.copy as T);
  }
  for (const [id, snapshot] of snapshots) {
    if (objects.has(id)) continue;
    if (now - snapshot.takenAt < age(id, snapshot.takenAt)) seen.set(id, snapshot.copy as T);
    else snapshots.delete(id);
  }
  return seen;
}
