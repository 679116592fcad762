/** Replacing the members of an etcd of its own, one at a time: pure, total, and every decision says why. */
import type { EtcdRoll, EtcdSettings } from '../../domain/etcd.ts';
import type { GroupInstance, NodeGroup } from '../../ports/cloud-provider.ts';
import { formatDuration } from '../../support/duration.ts';
import { isComparable, outdatedInstances } from '../pipeline/pool-currency.ts';

/** On the group whose member is being replaced: the instance that goes. Written before anything else, taken away when all is well again. */
export const etcdRollTag = 'clm/etcd-roll';

/** What a member says, or what kept it from saying anything. Only `healthy` counts as healthy. */
export interface MemberHealth {
  state: 'healthy' | 'unhealthy' | 'unknown';
  said: string;
}

/** A member as etcd itself lists it. */
export interface ListedMember {
  /** As the API writes it: a number in decimal digits. */
  id: string;
  name: string;
  learner: boolean;
  /** Peer and client URLs; one that has none of a client has never started. */
  peerUrls: string[];
  clientUrls: string[];
}

export interface EtcdPlanInput {
  groups: readonly NodeGroup[];
  settings: EtcdSettings;
  /** Private addresses by instance id, as far as known. */
  addresses: ReadonlyMap<string, string>;
  /** By instance id; one that is missing was not asked: unknown. */
  health: ReadonlyMap<string, MemberHealth>;
  /** etcd's own list; a text says why there is none; undefined = nobody is asked for it. */
  listed: readonly ListedMember[] | string | undefined;
  previous: EtcdRoll | undefined;
  now: number;
}

/** One small thing that may be done twice, and why. */
export type EtcdAction = { reason: string } & (
  | { kind: 'mark'; group: string; instanceId: string }
  | { kind: 'remove-member'; memberId: string; instanceId: string }
  | { kind: 'terminate'; instanceId: string }
  /** `replaced`: a successor is there; otherwise the member stays as it is. */
  | { kind: 'unmark'; group: string; replaced: boolean }
);

export interface EtcdPlan {
  verdict:
    | { kind: 'going-on' }
    /** Nothing is outdated, and nothing of a roll is left. */
    | { kind: 'complete' }
    /** Outdated members stay, as the settings say. */
    | { kind: 'left'; message: string }
    | { kind: 'failed'; code: string; message: string };
  action?: EtcdAction;
  wait: { code: string; message: string };
  progress: EtcdRoll;
}

/** A member that is ill and outdated may be what the change mends; not before it has been seen ill for so long. */
const illForMs = 5 * 60_000;
/** What passes between two looks beyond this was downtime of ours. */
const longestTickMs = 60_000;

/** Whether anything of the groups has to be looked at more closely: without it no member is asked anything. */
export function etcdNeedsCare(groups: readonly NodeGroup[]): boolean {
  return groups.some(
    (group) =>
      !isComparable(group) ||
      group.launchTemplate.id === '' ||
      outdatedInstances(group).length > 0 ||
      markOf(group) !== undefined,
  );
}

interface Member {
  instance: GroupInstance;
  group: string;
  outdated: boolean;
  health: MemberHealth;
}

interface Look {
  input: EtcdPlanInput;
  /** Members that the groups want. */
  wanted: number;
  members: Member[];
  /** Instances that serve, and say that they are healthy. */
  healthy: Member[];
  others: Member[];
  marked: NodeGroup[];
}

export function planEtcdRoll(input: EtcdPlanInput): EtcdPlan {
  const look = lookAt(input);
  const trouble = troubleOf(look);
  const progress = progressOf(look, trouble === undefined);
  const refusal = refusalOf(look);
  if (refusal !== undefined) return { verdict: { kind: 'failed', ...refusal }, wait: refusal, progress };
  const plan = look.marked.length > 0 ? inFlight(look, progress, trouble) : next(look, progress, trouble);
  if (plan.action !== undefined || plan.verdict.kind !== 'going-on') return plan;
  if (progress.unwellMs <= input.settings.memberTimeoutMs) return plan;
  return { ...plan, verdict: { kind: 'failed', ...tooLong(look, progress, plan.wait.message) } };
}

function lookAt(input: EtcdPlanInput): Look {
  const members = input.groups.flatMap((group) => {
    const outdated = new Set(isComparable(group) ? outdatedInstances(group) : []);
    return group.instances
      .filter((instance) => !/^(Terminat|Detach)/.test(instance.lifecycleState))
      .map((instance): Member => {
        const health = input.health.get(instance.id) ?? { state: 'unknown', said: 'it has not been asked' };
        return { instance, group: group.name, outdated: outdated.has(instance.id), health };
      });
  });
  const serves = ({ instance, health }: Member): boolean =>
    instance.lifecycleState === 'InService' && instance.health === 'Healthy' && health.state === 'healthy';
  return {
    input,
    wanted: input.groups.reduce((sum, group) => sum + group.desired, 0),
    members,
    healthy: members.filter(serves),
    others: members.filter((member) => !serves(member)),
    marked: input.groups.filter((group) => markOf(group) !== undefined),
  };
}

const markOf = (group: NodeGroup): string | undefined => group.tags[etcdRollTag];

/** Settings and templates that no wait will change. */
function refusalOf({ input, wanted, members, marked }: Look): { code: string; message: string } | undefined {
  const unclear = input.groups.find((group) => !isComparable(group) || group.launchTemplate.id === '');
  if (input.settings.strategy === 'manual') return undefined;
  if (unclear !== undefined) {
    const message = `group ${unclear.name} names no version of a launch template, so that nobody can say which members are outdated`;
    return { code: 'etcd-template-unclear', message };
  }
  const outdated = members.filter((member) => member.outdated).length;
  if (outdated === 0 && marked.length === 0) return undefined;
  if (input.settings.healthUrl === undefined) {
    const message = `${outdated} of ${wanted} members of etcd are outdated, and nothing says where to ask for their health (etcd_health_url): none is replaced`;
    return { code: 'etcd-health-unset', message };
  }
  if (outdated > 0 && wanted < 3) {
    const message = `etcd has ${wanted} members: without one of them it has no quorum, so that none is replaced`;
    return { code: 'etcd-quorum-too-small', message };
  }
  return undefined;
}

/** Votes that a cluster of so many members needs. */
export const quorumOf = (members: number): number => Math.floor(members / 2) + 1;

/** What keeps etcd from being called well; undefined when every member is there, healthy, started and no learner. */
function troubleOf(look: Look): { code: string; message: string } | undefined {
  const { wanted, members, others, healthy, input } = look;
  if (others.length > 0) {
    const message = `${healthy.length} of ${wanted} members are healthy; ${others.slice(0, 3).map(describe).join(', ')}`;
    const unknown = others.every(({ health }) => health.state === 'unknown');
    return { code: unknown ? 'etcd-health-unknown' : 'etcd-member-unhealthy', message };
  }
  if (members.length !== wanted) {
    const message = `the groups of etcd want ${wanted} instances and have ${members.length}`;
    return { code: 'etcd-members-missing', message };
  }
  return listTrouble(input.listed, wanted);
}

function describe({ instance, group, health }: Member): string {
  const state = instance.lifecycleState === 'InService' ? '' : `${instance.lifecycleState}, `;
  return `${instance.id} of ${group}: ${state}${health.said}`;
}

function listTrouble(listed: EtcdPlanInput['listed'], wanted: number): { code: string; message: string } | undefined {
  if (listed === undefined) return undefined;
  if (typeof listed === 'string') {
    return { code: 'etcd-health-unknown', message: `etcd does not say who its members are: ${listed}` };
  }
  if (listed.length !== wanted) {
    return {
      code: 'etcd-members-missing',
      message: `etcd lists ${listed.length} members, and the groups want ${wanted}`,
    };
  }
  const learner = listed.find((member) => member.learner);
  if (learner !== undefined) {
    return { code: 'etcd-learner', message: `member ${nameOf(learner)} is a learner, and has no vote yet` };
  }
  const silent = listed.find((member) => member.clientUrls.length === 0);
  if (silent === undefined) return undefined;
  return { code: 'etcd-member-unhealthy', message: `member ${nameOf(silent)} is in etcd's list and has not started` };
}

const nameOf = ({ id, name }: ListedMember): string => (name === '' ? id : name);

function progressOf({ input, wanted, members, marked }: Look, well: boolean): EtcdRoll {
  const { previous, now } = input;
  const passed = previous === undefined ? 0 : Math.min(Math.max(0, now - previous.lookedAt), longestTickMs);
  const group = marked[0];
  const instanceId = group === undefined ? undefined : markOf(group);
  const flying = previous?.inFlight?.instanceId === instanceId ? previous?.inFlight : null;
  return {
    total: wanted,
    outdated: members.filter((member) => member.outdated).length,
    lookedAt: now,
    healthySince: well ? (previous?.healthySince ?? now) : null,
    unwellMs: well ? 0 : (previous?.unwellMs ?? 0) + passed,
    inFlight:
      group === undefined || instanceId === undefined
        ? null
        : (flying ?? { instanceId, group: group.name, since: now }),
  };
}

/** No member is on its way: the next one, or none. */
function next(look: Look, progress: EtcdRoll, trouble: EtcdPlan['wait'] | undefined): EtcdPlan {
  const { members, input } = look;
  const outdated = members.filter((member) => member.outdated).sort(byName);
  const wait = { code: 'etcd-rolling', message: `${outdated.length} of ${look.wanted} members of etcd are outdated` };
  if (outdated.length === 0 && input.settings.strategy !== 'manual')
    return { verdict: { kind: 'complete' }, wait, progress };
  if (input.settings.strategy === 'manual') {
    const message = `${wait.message}, and stay until somebody replaces them (etcd_update_strategy: manual)`;
    return { verdict: outdated.length === 0 ? { kind: 'complete' } : { kind: 'left', message }, wait, progress };
  }
  if (trouble !== undefined) return mend(look, progress) ?? { verdict: { kind: 'going-on' }, wait: trouble, progress };
  const unsettled = settling(look, progress);
  if (unsettled !== undefined) return { verdict: { kind: 'going-on' }, wait: unsettled, progress };
  const { instance, group } = outdated[0] as Member;
  const reason = `all ${look.wanted} members are healthy, and ${instance.id} of ${group} is outdated: it goes next`;
  return {
    verdict: { kind: 'going-on' },
    action: { kind: 'mark', group, instanceId: instance.id, reason },
    wait,
    progress,
  };
}

const byName = (a: Member, b: Member): number =>
  a.group === b.group ? (a.instance.id < b.instance.id ? -1 : 1) : a.group < b.group ? -1 : 1;

function settling({ input }: Look, { healthySince }: EtcdRoll): EtcdPlan['wait'] | undefined {
  const { settleMs } = input.settings;
  if (healthySince !== null && input.now - healthySince >= settleMs) return undefined;
  return {
    code: 'etcd-settling',
    message: `all members are healthy, and have to stay so for ${formatDuration(settleMs)}`,
  };
}

/** The only member that is not healthy is outdated itself, and has been ill for long: the template may be what mends it. */
function mend(look: Look, progress: EtcdRoll): EtcdPlan | undefined {
  const [ill] = look.others;
  if (ill === undefined || !ill.outdated || progress.unwellMs < illForMs) return undefined;
  if (mayNotGo(look, ill) !== undefined) return undefined;
  const { instance, group } = ill;
  const reason = `${instance.id} of ${group} is outdated and not healthy, and all others are: it goes next`;
  const action: EtcdAction = { kind: 'mark', group, instanceId: instance.id, reason };
  return { verdict: { kind: 'going-on' }, action, wait: { code: 'etcd-rolling', message: reason }, progress };
}

/** Why etcd would not be well enough without this member. */
function mayNotGo({ wanted, healthy, members }: Look, victim: Member): string | undefined {
  const left = healthy.filter((member) => member !== victim).length;
  if (members.length !== wanted) return `the groups of etcd want ${wanted} instances and have ${members.length}`;
  if (left !== wanted - 1) return `only ${left} of the ${wanted - 1} other members are healthy`;
  return left >= quorumOf(wanted) ? undefined : `${left} members are less than the quorum of ${wanted}`;
}

/** A member is marked: it goes, or its successor is waited for. */
function inFlight(look: Look, progress: EtcdRoll, trouble: EtcdPlan['wait'] | undefined): EtcdPlan {
  const goingOn = { verdict: { kind: 'going-on' as const }, progress };
  const [group, second] = look.marked as [NodeGroup, NodeGroup?];
  if (second !== undefined) {
    const message = `groups ${group.name} and ${second.name} are both marked (${etcdRollTag}) as replacing a member: nothing is done before one of the tags is gone`;
    return {
      verdict: { kind: 'failed', code: 'etcd-two-marks', message },
      wait: { code: 'etcd-two-marks', message },
      progress,
    };
  }
  const victim = look.members.find(({ instance }) => instance.id === markOf(group));
  if (victim !== undefined) return leaving(look, progress, victim);
  if (trouble !== undefined) {
    const mended = look.input.settings.strategy === 'manual' ? undefined : mend(look, progress);
    if (mended?.action?.kind === 'mark' && mended.action.group !== group.name) {
      // one mark at a time: the successor is among those that are healthy, and the next look marks the one that is not
      const reason = `the member that follows ${markOf(group)} is healthy, and ${mended.action.instanceId} of ${mended.action.group} is not`;
      const action: EtcdAction = { kind: 'unmark', group: group.name, replaced: true, reason };
      return { ...goingOn, action, wait: { code: 'etcd-rolling', message: reason } };
    }
    return (
      mended ?? {
        ...goingOn,
        wait: { ...trouble, message: `the member that follows ${markOf(group)} is waited for: ${trouble.message}` },
      }
    );
  }
  const unsettled = settling(look, progress);
  if (unsettled !== undefined) return { ...goingOn, wait: unsettled };
  const reason = `all ${look.wanted} members are healthy after ${markOf(group)} was replaced`;
  return {
    ...goingOn,
    action: { kind: 'unmark', group: group.name, replaced: true, reason },
    wait: { code: 'etcd-rolling', message: reason },
  };
}

/** Everything is judged again: between the mark and now anything may have happened. */
function leaving(look: Look, progress: EtcdRoll, victim: Member): EtcdPlan {
  const { settings, addresses, listed } = look.input;
  const { instance, group } = victim;
  const goingOn = { verdict: { kind: 'going-on' as const }, progress };
  if (!victim.outdated || settings.strategy === 'manual') {
    const reason = `${instance.id} of ${group} ${victim.outdated ? 'is left to people' : 'is not outdated any more'}: it stays`;
    return {
      ...goingOn,
      action: { kind: 'unmark', group, replaced: false, reason },
      wait: { code: 'etcd-rolling', message: reason },
    };
  }
  const refused = mayNotGo(look, victim);
  if (refused !== undefined) {
    return {
      ...goingOn,
      wait: { code: 'etcd-quorum-at-risk', message: `${instance.id} of ${group} stays for now: ${refused}` },
    };
  }
  const end: EtcdAction = {
    kind: 'terminate',
    instanceId: instance.id,
    reason: `${instance.id} of ${group} is outdated, and all other members are healthy`,
  };
  const wait = { code: 'etcd-rolling', message: end.reason };
  if (settings.data === 'kept') return { ...goingOn, action: end, wait };
  const own = ownEntry(listed, look.wanted, addresses.get(instance.id));
  if (own.kind === 'gone') return { ...goingOn, action: end, wait };
  if (own.kind === 'unclear') return { ...goingOn, wait: { code: 'etcd-member-unclear', message: own.message } };
  const reason = `${instance.id} of ${group} is outdated, and its successor joins as a new member: it leaves etcd before its instance ends`;
  return { ...goingOn, action: { kind: 'remove-member', memberId: own.id, instanceId: instance.id, reason }, wait };
}

/** A list that cannot be read, or does not fit, never counts as "it is gone". */
function ownEntry(
  listed: EtcdPlanInput['listed'],
  wanted: number,
  address: string | undefined,
): { kind: 'gone' } | { kind: 'there'; id: string } | { kind: 'unclear'; message: string } {
  if (listed === undefined || typeof listed === 'string') {
    return { kind: 'unclear', message: `etcd does not say who its members are: ${listed ?? 'it has not been asked'}` };
  }
  if (address === undefined)
    return { kind: 'unclear', message: 'the address of the member that is to go is not known' };
  const own = listed.filter((member) =>
    [...member.peerUrls, ...member.clientUrls].some((url) => hostOf(url) === address),
  );
  if (own.length === 1 && listed.length === wanted) return { kind: 'there', id: (own[0] as ListedMember).id };
  if (
    own.length === 0 &&
    listed.length === wanted - 1 &&
    listed.every((member) => !member.learner && member.clientUrls.length > 0)
  ) {
    return { kind: 'gone' };
  }
  return {
    kind: 'unclear',
    message: `etcd lists ${listed.length} members, ${own.length} of them at ${address}: it is not clear which one is to go`,
  };
}

function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).hostname : '';
}

function tooLong(
  { healthy, wanted, input }: Look,
  { unwellMs, inFlight: flying }: EtcdRoll,
  why: string,
): { code: string; message: string } {
  const rest = `${healthy.length} of ${wanted} members are healthy, and no further one is replaced`;
  const spent = formatDuration(Math.min(unwellMs, input.settings.memberTimeoutMs));
  return flying === null
    ? { code: 'etcd-unhealthy', message: `etcd has not been well for ${spent}: ${why}; ${rest}` }
    : {
        code: 'etcd-member-not-healthy',
        message: `${spent} after ${flying.instanceId} of ${flying.group} began to be replaced, not all members are healthy: ${why}; ${rest}`,
      };
}
