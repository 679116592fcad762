/** `clm why`: from a cluster, channel or commit down to what has to happen first. Pure, on the status document. */
import { nearMatches } from '../../domain/near-matches.ts';
import { formatDuration } from '../../support/duration.ts';
import { attributeFailures } from '../e2e/attribution.ts';
import { etaLinks, relative } from './channel-eta.ts';
import { driftLinks } from './drift-links.ts';
import { newNodeLinks } from './new-node-links.ts';
import { promotionLinks } from './promotion-links.ts';
import type {
  ChannelStatus,
  ClusterStatus,
  Explanation,
  ExplanationLink,
  StatusDocument,
  WaitStatus,
} from './status-document.ts';

/** An earlier rollout, for commits that are no channel's newest. */
export interface PastRollout {
  channel: string;
  commit: string;
  state: string;
  reason?: string;
}

export type ExplainResult = { found: true; explanation: Explanation } | { found: false; near: string[] };

const shortestCommit = 7;
const shownClusters = 5;

export function explainSubject(status: StatusDocument, subject: string, past: PastRollout[]): ExplainResult {
  const channel = status.channels.find((one) => one.name === subject);
  if (channel !== undefined) return found(status, 'channel', subject, channelAnswer(status, channel));
  const matching = status.clusters.filter((one) => one.id === subject || one.alias === subject);
  const cluster = matching[0];
  if (cluster !== undefined && matching.length === 1) {
    return found(status, 'cluster', cluster.id, clusterAnswer(status, cluster));
  }
  if (/^[0-9a-f]+$/i.test(subject) && subject.length >= shortestCommit) {
    const answer = commitAnswer(status, subject.toLowerCase(), past);
    if (answer !== undefined) return found(status, 'commit', answer.commit, answer);
  }
  const commits = new Set([
    ...status.channels.flatMap((one) => [one.head, one.proven, one.rollout?.commit]),
    ...past.map((one) => one.commit),
  ]);
  const names = [
    ...status.channels.map((one) => one.name),
    ...status.clusters.flatMap((one) => [one.alias, one.id]),
    ...[...commits].flatMap((commit) => (commit === undefined ? [] : [commit.slice(0, 12)])),
  ];
  const near = matching.length > 1 ? matching.map((one) => one.id) : nearMatches(subject, names);
  return { found: false, near };
}

/** The same links, below another. */
function below(links: ExplanationLink[], by = 1): ExplanationLink[] {
  return links.map((link) => ({ ...link, depth: (link.depth ?? 0) + by }));
}

interface Answer {
  summary: string;
  chain: ExplanationLink[];
}

function found(
  status: StatusDocument,
  kind: Explanation['subject']['kind'],
  name: string,
  answer: Answer,
): ExplainResult {
  return {
    found: true,
    explanation: {
      apiVersion: 'clm/v1',
      kind: 'Explanation',
      at: status.at,
      asOfSeq: status.asOfSeq,
      subject: { kind, name },
      summary: answer.summary,
      chain: answer.chain.map((link) => ({ ...link, depth: link.depth ?? 0 })),
    },
  };
}

function channelAnswer(status: StatusDocument, channel: ChannelStatus): Answer {
  const commit = (channel.rollout?.commit ?? channel.head)?.slice(0, 7);
  const { counts } = channel;
  const what =
    commit === undefined
      ? 'has no version yet'
      : `is at ${commit} (${counts.updated} of ${counts.total} clusters updated)`;
  const summary = `Channel ${channel.name} ${what}: ${channel.state}${channel.reason === undefined ? '' : ` – ${channel.reason}`}`;
  const chain: ExplanationLink[] = [channelLink(status, channel)];
  chain.push(...below(etaLinks(status.at, channel)));
  chain.push(...below(gateLinks(status, channel)));
  chain.push(...below(overrideLinks(status, channel.name, undefined)));
  const troubled = status.clusters.filter((cluster) => cluster.channel === channel.name && isTroubled(cluster));
  const moving = status.clusters.filter(
    (cluster) => cluster.channel === channel.name && (cluster.state === 'updating' || cluster.state === 'verifying'),
  );
  const told = troubled.length > 0 ? troubled : moving;
  for (const cluster of told.slice(0, shownClusters)) chain.push(...below(clusterLinks(status, cluster)));
  if (told.length > shownClusters) {
    chain.push({
      depth: 1,
      subject: `${told.length - shownClusters} more clusters`,
      message: `clm clusters --channel ${channel.name} lists them.`,
    });
  }
  chain.push(...below(promotionLinks(channel)));
  return { summary, chain };
}

function channelLink(status: StatusDocument, channel: ChannelStatus): ExplanationLink {
  const wait = channel.waits.at(0);
  const problem = status.problems.find((one) => one.scope === 'channel' && one.subject === channel.name);
  const since = problem?.since ?? wait?.since ?? channel.rollout?.startedAt;
  const next = channelNext(status, channel);
  const action = channelAction(channel);
  const code = problem?.code ?? wait?.code;
  return {
    subject: `channel ${channel.name}`,
    message: problem?.message ?? channel.reason ?? channelIdleText(channel),
    ...(code === undefined ? {} : { code }),
    ...(since === undefined ? {} : { since }),
    ...(next === undefined ? {} : { next }),
    ...(action === undefined ? {} : { action }),
  };
}

function channelIdleText(channel: ChannelStatus): string {
  if (channel.state === 'proven')
    return `Version ${channel.proven?.slice(0, 7)} has passed all that this channel asks.`;
  if (channel.state === 'unknown') return 'The branch has not been read yet.';
  return `The channel is ${channel.state}.`;
}

function channelNext(status: StatusDocument, channel: ChannelStatus): string | undefined {
  if (!status.adopted) return 'nothing moves before the fleet is adopted';
  if (channel.state === 'soaking' && channel.soak !== undefined) {
    const left = Math.max(0, channel.soak.requiredSeconds - channel.soak.observedSeconds);
    return `${formatDuration(left * 1000)} of observed healthy time are still to come, then the gates are asked`;
  }
  if (channel.state === 'updating') {
    const wave = channel.rollout?.wave;
    const rest = channel.counts.queued;
    return wave === undefined
      ? undefined
      : `wave ${wave.number} of ${wave.of} (${wave.name}); ${rest} clusters are still queued`;
  }
  if (channel.state === 'proven' && channel.promotesTo.length > 0)
    return channel.promotesTo.map((to) => onwards(status, channel, to)).join('; ');
  if (channel.state === 'proven') return undefined;
  const at = channel.waits.find((wait) => wait.nextLookAt !== undefined)?.nextLookAt;
  return at === undefined ? undefined : `looked at again ${relative(status.at, at)}`;
}

/** Where a proven version has got to on the next channel. */
function onwards(status: StatusDocument, channel: ChannelStatus, to: string): string {
  const target = status.channels.find((one) => one.name === to);
  const there =
    target !== undefined &&
    channel.proven !== undefined &&
    [target.rollout?.commit, target.head].includes(channel.proven);
  return there ? `${to} has it: ${target.state}` : `it is promoted to ${to}`;
}

function channelAction(channel: ChannelStatus): string | undefined {
  if (channel.waits.some((wait) => wait.code === 'channel-empty'))
    return `put a cluster into channel ${channel.name} in the registry, or end what leaves its clusters out: clm unskip CLUSTER --reason …`;
  switch (channel.state) {
    case 'halted':
      return `merge a fix to ${channel.branch}'s source channel, or: clm retry channel:${channel.name} --reason …`;
    case 'paused':
      return `clm resume channel:${channel.name} --reason …`;
    case 'held':
      return `put branch ${channel.branch} back to ${channel.lastGood?.slice(0, 7) ?? 'its last good commit'} or to a descendant of it`;
    case 'blocked':
      return 'free the budget or pod that is named below; the roll goes on by itself';
    default:
      return undefined;
  }
}

/** The gates that are not open first: what each says, who can open it, and when it can open at the earliest. */
function gateLinks(status: StatusDocument, channel: ChannelStatus): ExplanationLink[] {
  const rank = { inconclusive: 0, closed: 1, open: 2 };
  return channel.gates
    .toSorted((a, b) => rank[a.state] - rank[b.state])
    .map((gate) => ({
      subject: `gate ${gate.name}`,
      message: `${gate.state}: ${gate.reason}`,
      since: gate.since,
      ...(gate.state === 'open' ? {} : { code: `gate-${gate.state}` }),
      ...(gate.earliest === undefined ? {} : { next: `it can open ${relative(status.at, gate.earliest)}` }),
      ...(gate.openedBy === '' ? {} : { action: `opened by ${gate.openedBy}` }),
    }));
}

function clusterAnswer(status: StatusDocument, cluster: ClusterStatus): Answer {
  const runs = cluster.version === undefined ? 'an unknown version' : `version ${shortVersion(cluster.version)}`;
  const aim = cluster.target === undefined ? '' : `, on its way to ${cluster.target.slice(0, 7)}`;
  const why = cluster.blocker?.message ?? cluster.failure?.message ?? cluster.waits.at(0)?.message;
  const summary = `Cluster ${cluster.alias} runs ${runs}${aim}: ${cluster.state}${why === undefined ? '' : ` – ${why}`}`;
  const channel = status.channels.find((one) => one.name === cluster.channel);
  const chain = clusterLinks(status, cluster);
  chain.push(...below(overrideLinks(status, cluster.channel, cluster.id)));
  const waitsForChannel = cluster.state === 'queued' || cluster.state === 'unknown' || cluster.state === 'failed';
  if (channel !== undefined && waitsForChannel) chain.push(...below([channelLink(status, channel)]));
  return { summary, chain };
}

function clusterLinks(status: StatusDocument, cluster: ClusterStatus): ExplanationLink[] {
  const wait = cluster.waits.at(0);
  const since = cluster.since ?? wait?.since;
  const action = clusterAction(cluster);
  const first: ExplanationLink = {
    subject: `cluster ${cluster.alias}`,
    message: clusterMessage(cluster, wait),
    ...(cluster.failure?.code === undefined
      ? wait === undefined
        ? {}
        : { code: wait.code }
      : { code: cluster.failure.code }),
    ...(since === undefined ? {} : { since }),
    ...nextOf(wait),
    ...(action === undefined ? {} : { action }),
  };
  const links = [first];
  for (const failure of cluster.checks?.failures.slice(0, shownClusters) ?? []) {
    links.push({ depth: 1, subject: `check ${failure.check}`, message: failureMessage(status, cluster, failure) });
  }
  const flaky = cluster.checks?.flaky ?? [];
  if (flaky.length > 0) {
    links.push({
      depth: 1,
      subject: 'flaky checks',
      message: `${flaky.join(', ')} passed only when run again.`,
      action: 'clm e2e flakes',
    });
  }
  for (const pool of cluster.pools.filter((one) => one.state === 'running' || one.state === 'blocked')) {
    const blocker = pool.blocker;
    const nodes = pool.nodes.filter((node) => node.phase !== 'updated' && node.phase !== 'old').slice(0, 3);
    links.push({
      depth: 1,
      subject: `node pool ${pool.name}`,
      message:
        blocker?.message ??
        `${pool.updated ?? 0} of ${pool.total ?? '?'} nodes are updated${nodes.length === 0 ? '' : `; in hand: ${nodes.map((node) => `${node.name} (${node.detail})`).join(', ')}`}`,
      ...(blocker === undefined
        ? {}
        : { code: blocker.code, ...(blocker.since === undefined ? {} : { since: blocker.since }) }),
      ...(blocker === undefined ? {} : { action: blockerAction(cluster, blocker) }),
    });
    if (blocker !== undefined) links.push(...below(blockerLinks(blocker), 2));
  }
  links.push(...newNodeLinks(cluster), ...driftLinks(status, cluster));
  return links;
}

/** The failure, whether the change has made it, and whether it is this cluster's alone. */
function failureMessage(
  status: StatusDocument,
  cluster: ClusterStatus,
  failure: { check: string; outcome: string; message: string },
): string {
  const said = `${failure.outcome}: ${failure.message}`;
  if (cluster.checks?.excused?.includes(failure.check) === true)
    return `${said}; so it did before the change, it does not block`;
  const version = cluster.target;
  if (cluster.state !== 'failed' || version === undefined) return said;
  const verdicts = status.clusters
    .filter((one) => one.channel === cluster.channel)
    .flatMap((one) => {
      if (one.state === 'failed' && one.target === version) {
        return [{ cluster: one.alias, failing: (one.checks?.failures ?? []).map((each) => each.check) }];
      }
      return one.version?.startsWith(`${version}#`) === true ? [{ cluster: one.alias, failing: [] }] : [];
    });
  const found = attributeFailures(verdicts).find((one) => one.check === failure.check);
  return found === undefined ? said : `${said}. ${found.reason}`;
}

function clusterMessage(cluster: ClusterStatus, wait: WaitStatus | undefined): string {
  switch (cluster.state) {
    case 'failed':
      return cluster.failure === undefined
        ? 'Its last update failed.'
        : `Its update failed: ${cluster.failure.message}`;
    case 'stalled':
      return `Tries keep failing: ${cluster.failure?.message ?? 'no reason was recorded'}`;
    case 'up-to-date':
      return 'It runs what its channel wants.';
    case 'unknown':
      return 'This daemon has not brought it anywhere yet; what it runs is not known.';
    default:
      return (
        wait?.message ?? (cluster.phase === undefined ? `It is ${cluster.state}.` : `It is in phase ${cluster.phase}.`)
      );
  }
}

function clusterAction(cluster: ClusterStatus): string | undefined {
  if (cluster.state === 'failed' || cluster.state === 'stalled') {
    const code = cluster.failure?.code;
    // A failed update has ended: its rollout makes the next attempt.
    const scope = cluster.state === 'failed' ? `channel:${cluster.channel}` : `cluster:${cluster.alias}`;
    return `${code === undefined ? '' : `clm explain ${code}; `}then: clm retry ${scope} --reason …`;
  }
  if (cluster.state === 'paused') return `clm resume cluster:${cluster.alias} --reason …`;
  return undefined;
}

function blockerAction(cluster: ClusterStatus, blocker: NonNullable<ClusterStatus['blocker']>): string {
  const owner = blocker.owner === undefined ? 'the owner of the pod' : `the owner of ${blocker.owner}`;
  const budget =
    blocker.budget === undefined ? '' : ` so that budget ${blocker.namespace}/${blocker.budget} allows a disruption`;
  return `ask ${owner} on ${cluster.alias} to add replicas or make pods healthy${budget}; clm never overrides a budget`;
}

function blockerLinks(blocker: NonNullable<ClusterStatus['blocker']>): ExplanationLink[] {
  const parts = [
    blocker.budget === undefined ? undefined : `budget ${blocker.namespace}/${blocker.budget}`,
    blocker.pod === undefined ? undefined : `pod ${blocker.namespace}/${blocker.pod.split('/').at(-1)}`,
    blocker.owner === undefined ? undefined : `owner ${blocker.owner}`,
    blocker.node === undefined ? undefined : `node ${blocker.node}`,
  ].filter((part) => part !== undefined);
  if (parts.length === 0) return [];
  return [{ subject: 'blocked by', message: parts.join(', '), code: blocker.code }];
}

function commitAnswer(
  status: StatusDocument,
  prefix: string,
  past: PastRollout[],
): (Answer & { commit: string }) | undefined {
  const is = (commit: string | undefined): boolean => commit?.startsWith(prefix) === true;
  const commit =
    status.channels.flatMap((one) => [one.rollout?.commit, one.head, one.proven, one.lastGood]).find(is) ??
    past.map((one) => one.commit).find(is) ??
    status.clusters.map((one) => one.version?.split('#')[0]).find(is);
  if (commit === undefined) return undefined;
  const chain: ExplanationLink[] = [];
  const places: string[] = [];
  for (const channel of status.channels) {
    if (channel.rollout?.commit === commit || (channel.head === commit && channel.rollout === undefined)) {
      places.push(`${channel.name} ${channel.state}`);
      chain.push(channelLink(status, channel), ...below(gateLinks(status, channel)));
      if (isTroubledChannel(channel)) {
        const troubled = status.clusters.filter((one) => one.channel === channel.name && isTroubled(one));
        for (const cluster of troubled.slice(0, shownClusters)) chain.push(...below(clusterLinks(status, cluster)));
      }
      chain.push(...below(promotionLinks(channel)));
      continue;
    }
    const earlier = past.find((one) => one.channel === channel.name && one.commit === commit);
    if (earlier !== undefined) {
      places.push(`${channel.name} ${earlier.state}`);
      chain.push({
        subject: `channel ${channel.name}`,
        message: `Its rollout here ended ${earlier.state}${earlier.reason === undefined ? '.' : `: ${earlier.reason}`}`,
      });
    }
  }
  const running = status.clusters.filter((one) => one.version?.startsWith(`${commit}#`)).length;
  const where = places.length === 0 ? 'is on no channel now' : places.join(', ');
  return { commit, summary: `Commit ${commit.slice(0, 7)}: ${where}; ${running} clusters run it.`, chain };
}

function overrideLinks(status: StatusDocument, channel: string, cluster: string | undefined): ExplanationLink[] {
  const scopes = new Set(['fleet', `channel:${channel}`, ...(cluster === undefined ? [] : [`cluster:${cluster}`])]);
  const links = status.overrides
    .filter((override) => scopes.has(override.scope))
    .map((override) => ({
      subject: `${override.kind} ${override.scope}`,
      message: `by ${override.actor}: ${override.reason}`,
      ...(override.expiresAt === undefined ? {} : { next: `ends ${relative(status.at, override.expiresAt)}` }),
      action: endOfOverride(override.kind, override.scope),
    }));
  if (status.adopted) return links;
  return [
    ...links,
    { subject: 'fleet', message: 'The fleet is not adopted: this daemon only observes.', action: 'clm adopt' },
  ];
}

/** The command that ends an override before its time. */
function endOfOverride(kind: string, scope: string): string {
  const cluster = scope.replace(/^cluster:/, '');
  if (kind === 'force-drain') return `clm roll keep-budgets ${cluster} --reason …`;
  if (kind === 'skip-node') return `clm roll unskip ${cluster} NODE --reason …`;
  const ends: Record<string, string> = {
    freeze: 'unfreeze',
    pin: 'unpin',
    hold: 'release',
    skip: 'unskip',
    veto: 'unveto',
    decommission: 'keep',
  };
  const subject = kind === 'veto' ? scope.replace(/^commit:/, '') : scope;
  return `clm ${ends[kind] ?? 'resume'} ${subject} --reason …`;
}

function isTroubled(cluster: ClusterStatus): boolean {
  return ['quarantined', 'failed', 'blocked', 'stalled', 'paused'].includes(cluster.state);
}

function isTroubledChannel(channel: ChannelStatus): boolean {
  return (
    ['halted', 'blocked', 'held', 'paused'].includes(channel.state) ||
    channel.counts.stalled + channel.counts.failed > 0
  );
}

function nextOf(wait: WaitStatus | undefined): { next?: string } {
  return wait?.nextLookAt === undefined
    ? {}
    : { next: `looked at again at ${wait.nextLookAt.slice(11, 19)} at the latest` };
}

function shortVersion(version: string): string {
  const [commit, digest] = version.split('#');
  return `${commit?.slice(0, 7)}${digest === undefined ? '' : `#${digest.slice(0, 6)}`}`;
}
