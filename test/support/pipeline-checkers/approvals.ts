/** P1, P2 and P7: what a cluster may run, what a promotion rests on, how a branch moves. */
import {
  type JournalRecord,
  Judgement,
  listOf,
  numberOf,
  type PipelineChecker,
  type PipelineRecord,
  textOf,
} from './record.ts';

const touching = new Set(['update-started', 'update-planned', 'cluster-updated']);

/** P1: no cluster starts or runs a version that its channel did not approve before. */
export const approvedVersions: PipelineChecker = {
  invariant: 'P1',
  check(record) {
    const judgement = new Judgement();
    const channelOf = new Map(record.clusters.map((cluster) => [cluster.id, cluster.channel]));
    const approved = new Set<string>();
    const provenTrees = new Set<string>();
    for (const entry of record.journal) {
      if (entry.kind === 'head-adopted') approved.add(`${entry.channel}/${textOf(entry, 'commit')}`);
      if (entry.kind === 'branch-overridden') approved.add(`${textOf(entry, 'target')}/${textOf(entry, 'to')}`);
      if (entry.kind === 'approved' && textOf(entry, 'gate') === 'head')
        approved.add(`${entry.channel}/${textOf(entry, 'commit')}`);
      if (entry.kind === 'branch-moved') approved.add(`${textOf(entry, 'target')}/${textOf(entry, 'to')}`);
      if (entry.kind === 'rollout-proven') provenTrees.add(`${entry.channel}/${textOf(entry, 'tree')}`);
      if (entry.kind === 'rollout-requested' && isMerged(record, entry, provenTrees)) {
        approved.add(`${entry.channel}/${textOf(entry, 'commit')}`);
      }
      // a commit of a halted batch that is tried: people merged it, or the channel before has proven it
      if (entry.kind === 'bisect-try' && isMerged(record, entry, provenTrees))
        approved.add(`${entry.channel}/${textOf(entry, 'commit')}`);
      if (touching.has(entry.kind)) judgement.note(unapproved(entry, channelOf.get(entry.cluster), approved));
    }
    return judgement;
  },
};

/** On the first channel people decide, by merging; elsewhere a tree that an upstream channel has proven is as good. */
function isMerged(record: PipelineRecord, entry: JournalRecord, provenTrees: ReadonlySet<string>): boolean {
  const upstream = record.rules.channels.filter((channel) => channel.promotesTo.includes(entry.channel));
  if (upstream.length > 0) return upstream.some(({ name }) => provenTrees.has(`${name}/${textOf(entry, 'tree')}`));
  const branch = record.rules.channels.find((channel) => channel.name === entry.channel)?.branch ?? '';
  const head = record.repository.heads[branch];
  return head !== undefined && record.repository.isAncestor(textOf(entry, 'commit'), head);
}

function unapproved(entry: JournalRecord, channel: string | undefined, approved: ReadonlySet<string>) {
  if (channel === undefined) return `${entry.kind}: ${entry.cluster} is not in the registry`;
  if (channel !== entry.channel)
    return `${entry.cluster} belongs to ${channel}, ${entry.kind} speaks of ${entry.channel}`;
  if (approved.has(`${channel}/${entry.commit}`)) return undefined;
  return `${entry.kind}: ${entry.cluster} goes to ${entry.commit}, which ${channel} did not approve`;
}

/** P2: a promotion of R rests on evidence keyed to R, of every cluster that it counts as green. */
export const promotionsOnEvidence: PipelineChecker = {
  invariant: 'P2',
  check(record) {
    const judgement = new Judgement();
    const before: JournalRecord[] = [];
    for (const entry of record.journal) {
      if (entry.kind === 'branch-moved') {
        judgement.note(withoutEvidence(record, before, entry));
        judgement.note(onCredit(before, entry));
        judgement.note(afterVeto(before, entry));
      }
      before.push(entry);
    }
    return judgement;
  },
};

/** What a hotfix or bypass skipped on a channel is gathered before anything else leaves it. */
function onCredit(before: JournalRecord[], move: JournalRecord): string | undefined {
  const [channel, commit] = [textOf(move, 'channel'), textOf(move, 'to')];
  const owed = new Map<string, JournalRecord>();
  for (const entry of before) {
    if (entry.kind === 'debt-repaid' && entry.channel === channel) owed.delete(textOf(entry, 'commit'));
    if (entry.kind !== 'branch-overridden' || textOf(entry, 'target') !== channel) continue;
    if (textOf(entry, 'lane') !== 'rollback') owed.set(textOf(entry, 'to'), entry);
  }
  const [debt] = [...owed.keys()].filter((one) => one !== commit);
  return debt === undefined ? undefined : `${channel} promotes ${commit} while it owes evidence for ${debt}`;
}

/** A vetoed version moves no branch. */
function afterVeto(before: JournalRecord[], move: JournalRecord): string | undefined {
  const commit = textOf(move, 'to');
  const vetoes = new Map<string, number>();
  for (const entry of before) {
    const scope = textOf(entry, 'scope');
    if (entry.kind === 'override-veto' || entry.kind === 'vetoed') vetoes.set(scope, numberOf(entry, 'expiresAt') ?? 0);
    if (entry.kind === 'override-ended' && textOf(entry, 'kind') === 'veto') vetoes.delete(scope);
  }
  const until = vetoes.get(`commit:${commit}`);
  return until !== undefined && move.at < until ? `${commit} is promoted although it is vetoed` : undefined;
}

function withoutEvidence(record: PipelineRecord, before: JournalRecord[], move: JournalRecord): string | undefined {
  const [channel, commit, tree] = [textOf(move, 'channel'), textOf(move, 'to'), textOf(move, 'tree')];
  const what = `promotion of ${commit} from ${channel} to ${textOf(move, 'target')}`;
  if (record.repository.treeOf(commit) !== tree) return `${what}: its tree is not ${tree}`;
  const proven = before.findLast(
    (entry) => entry.kind === 'rollout-proven' && entry.channel === channel && textOf(entry, 'commit') === commit,
  );
  if (proven === undefined || textOf(proven, 'tree') !== tree) return `${what}: it was not proven there`;
  const green = listOf(proven, 'green');
  if (green.length === 0) return `${what}: no cluster is green`;
  const rules = record.rules.channels.find((one) => one.name === channel);
  const planned = before.findLast((entry) => entry.kind === 'rollout-planned' && entry.source === proven.source);
  const missing = record.clusters.filter(
    (one) => one.channel === channel && !green.includes(one.id) && !isExcused(before, one, { proven, planned }),
  );
  if (missing.length > (rules?.maxFailures ?? 0)) {
    return `${what}: ${missing.map(({ id }) => id).join(', ')} is not green`;
  }
  const unchanged = planned === undefined ? [] : listOf(planned, 'unchanged');
  for (const cluster of green) {
    if (unchanged.includes(cluster)) continue;
    const doubt = doubtAbout(before, { channel, commit, tree, cluster });
    if (doubt !== undefined) return `${what}: ${cluster}: ${doubt}`;
  }
  return undefined;
}

/** Not asked for evidence: what came after the plan, what is gone, and what somebody kept out by name. */
function isExcused(
  before: JournalRecord[],
  cluster: PipelineRecord['clusters'][number],
  { proven, planned }: { proven: JournalRecord; planned: JournalRecord | undefined },
): boolean {
  const { id, since = 0, until = Number.POSITIVE_INFINITY } = cluster;
  if (since >= (planned?.at ?? 0) || until <= proven.at) return true;
  let keptUntil = 0;
  for (const entry of before) {
    if (entry.id > proven.id) break;
    if (textOf(entry, 'scope') !== `cluster:${id}`) continue;
    if (entry.kind === 'override-pin' || entry.kind === 'override-skip') keptUntil = numberOf(entry, 'expiresAt') ?? 0;
    if (entry.kind === 'override-ended' && entry.id < (planned?.id ?? 0)) keptUntil = 0;
  }
  return keptUntil > (planned?.at ?? 0);
}

function doubtAbout(
  before: JournalRecord[],
  key: { channel: string; commit: string; tree: string; cluster: string },
): string | undefined {
  const updated = before.findLast(
    (entry) => entry.kind === 'cluster-updated' && entry.cluster === key.cluster && entry.commit === key.commit,
  );
  if (updated === undefined) return 'it was not updated to it';
  const version = textOf(updated, 'version');
  if (!version.startsWith(`${key.commit}#`)) return `it runs ${version}`;
  if (textOf(updated, 'tree') !== key.tree) return `its evidence is of tree ${textOf(updated, 'tree')}`;
  const inherited = textOf(updated, 'inheritedFrom');
  if (inherited !== '') {
    const earned = before.some((entry) => entry.kind === 'cluster-updated' && textOf(entry, 'evidence') === inherited);
    return earned && inherited.startsWith(`${key.cluster}/`)
      ? undefined
      : `it inherits ${inherited}, which nobody earned`;
  }
  const run = before.findLast(
    (entry) =>
      entry.kind === 'e2e-finished' && entry.source.startsWith(`e2e:${updated.source}:`) && entry.id < updated.id,
  );
  if (run === undefined) return 'no checks ran against it';
  if (textOf(run, 'version') !== version) return `its checks ran against ${textOf(run, 'version')}`;
  const bad = listOf(run, 'bad').filter((check) => !wasSoBefore(before, updated, check));
  if (bad.length > 0) return `its checks did not pass: ${bad.join(', ')}`;
  return (numberOf(run, 'checks') ?? 0) > 0 ? undefined : 'its run had no checks';
}

/** A failure counts for nothing only when a run before the change, on the same cluster, found it too, and clm said so. */
function wasSoBefore(before: JournalRecord[], updated: JournalRecord, check: string): boolean {
  const { source, cluster } = updated;
  const said = before.some(
    (entry) => entry.kind === 'e2e-acceptable' && entry.source === source && listOf(entry, 'excused').includes(check),
  );
  const found = before.some(
    (entry) =>
      entry.kind === 'e2e-finished' &&
      entry.cluster === cluster &&
      entry.source.startsWith('e2e-baseline:') &&
      listOf(entry, 'bad').includes(check),
  );
  return said && found;
}

/** P7: a branch moves by fast-forward only, by whatever the repository itself recorded, and never unrecorded by the journal. */
export const fastForwardOnly: PipelineChecker = {
  invariant: 'P7',
  check({ journal, repository, rules }) {
    const judgement = new Judgement();
    for (const { branch, from, to } of repository.moves) {
      if (from === '') continue;
      judgement.note(
        !repository.isAncestor(from, to) && `branch ${branch} was moved from ${from} to ${to}, not forward`,
      );
    }
    const moves = journal.filter((entry) => entry.kind === 'branch-moved' || entry.kind === 'branch-overridden');
    for (const move of moves) {
      const [branch, from, to] = [textOf(move, 'branch'), textOf(move, 'from'), textOf(move, 'to')];
      judgement.note(
        !repository.isAncestor(from, to) && `the journal moves ${branch} from ${from} to ${to}, not forward`,
      );
      judgement.note(
        !repository.moves.some((one) => one.branch === branch && one.to === to) &&
          `the journal moves ${branch} to ${to}, the repository never saw it`,
      );
    }
    for (const channel of rules.channels) {
      const upstream = rules.channels.some((other) => other.promotesTo.includes(channel.name));
      if (!upstream) continue;
      for (const move of repository.moves.filter((one) => one.branch === channel.branch)) {
        if (move.from === '' || move.byPeople === true) continue;
        const recorded = moves.some((one) => textOf(one, 'branch') === move.branch && textOf(one, 'to') === move.to);
        // people put it there, and somebody has taken it, or a head that contains it
        const taken = journal.some(
          (one) =>
            one.kind === 'approved' &&
            one.channel === channel.name &&
            textOf(one, 'gate') === 'head' &&
            repository.isAncestor(move.to, textOf(one, 'commit')),
        );
        const known = recorded || taken;
        judgement.note(!known && `branch ${move.branch} went to ${move.to} without an entry in the journal`);
      }
    }
    return judgement;
  },
};
