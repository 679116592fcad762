/** Promote, hotfix, rollback: what moves a branch because somebody says so. All is checked before anything is asked for. */
import type { Operator } from '../../api/backend.ts';
import { ApiError, unknownSubject } from '../../api/errors.ts';
import type { PipelineControl } from '../../api/pipeline-control.ts';
import type { ChannelMove } from '../../domain/channel.ts';
import { nearMatches } from '../../domain/near-matches.ts';
import type { ChannelPolicy } from '../../domain/pipeline.ts';
import { parseAdoption, parseProven } from '../../planning/pipeline/facts.ts';
import { describeHold, holdOn, readOverrides, vetoOn } from '../../planning/pipeline/overrides.ts';
import type { FactWrite, OutboxMessage } from '../../ports/store.ts';
import { lastGoodVersion } from '../../steps/channel/last-good-version.ts';
import type { ControlInput } from './control-input.ts';
import { entry, resolve, resolveCommit, type Target } from './target.ts';

type Answer = { told: string[]; message: string };

export async function hotfix(
  input: ControlInput,
  request: Parameters<PipelineControl['hotfix']>[0],
  by: Operator,
): Promise<Answer> {
  const { policy, target, head } = await channelNow(input, request.channel);
  const commit = await resolveCommit(input, request.commit);
  const short = commit.slice(0, 12);
  if (commit === head) throw new ApiError(409, 'already-there', `${policy.name} is at ${short} already.`);
  await refuseVetoed(input, commit);
  if (!(await input.source.isAncestor(head, commit))) {
    throw new ApiError(
      409,
      'not-on-head',
      `${short} does not contain ${head.slice(0, 12)}, the head of ${policy.branch}: commit the fix on top of it, push it to any branch, and ask again.`,
    );
  }
  const move = moveOf('hotfix', input.now(), {
    channel: policy.name,
    commit,
    from: head,
    waived: request.skip,
    by,
    reason: request.reason,
  });
  return ask(
    input,
    target,
    by,
    move,
    'It leaves a debt: promotions out of the channel wait until what was skipped is gathered. Merge it back into the first channel.',
  );
}

export async function rollback(
  input: ControlInput,
  request: Parameters<PipelineControl['rollback']>[0],
  by: Operator,
): Promise<Answer> {
  const { policy, target, head } = await channelNow(input, request.channel);
  const now = input.now();
  const overrides = readOverrides(await input.store.facts('override'));
  const bad = await input.source.commitInfo(head);
  const good =
    request.to === undefined
      ? await lastGoodVersion(input, { channel: policy.name, head, tree: bad.tree, overrides, now })
      : await wantedVersion(input, policy.name, head, bad.tree, await resolveCommit(input, request.to));
  if (good === undefined) {
    throw new ApiError(
      409,
      'nothing-to-go-back-to',
      `No earlier version is known that was proven on ${policy.name} and is not vetoed; name one with --to.`,
    );
  }
  await refuseVetoed(input, good.commit);
  const { reason } = request;
  const waived = ['soak', 'waves', 'gates'] as const;
  const move = moveOf('rollback', now, {
    channel: policy.name,
    commit: good.commit,
    from: head,
    waived: [...waived],
    by,
    reason,
  });
  const scope = `commit:${head}`;
  const expiresAt = now + request.vetoSeconds * 1000;
  const veto = {
    kind: 'veto',
    scope,
    actor: by.name,
    reason: `rolled back: ${reason}`,
    expiresAt,
    commit: head,
    tree: bad.tree,
  };
  return ask(
    input,
    target,
    by,
    move,
    `${head.slice(0, 12)} is vetoed until ${new Date(expiresAt).toISOString()}. Revert it in the first channel, too: this one takes no promotion until its change is merged back.`,
    [{ kind: 'override', key: `veto/${scope}`, value: veto }],
  );
}

/** Somebody names the version: it must have been proven here, lie behind the head, and differ from it. */
async function wantedVersion(input: ControlInput, channel: string, head: string, tree: string, commit: string) {
  const info = await input.source.commitInfo(commit);
  const short = commit.slice(0, 12);
  if (info.tree === tree)
    throw new ApiError(409, 'already-there', `${channel} has the configuration of ${short} already.`);
  if (!(await input.source.isAncestor(commit, head))) {
    throw new ApiError(
      409,
      'not-behind',
      `${short} is not behind ${head.slice(0, 12)}, the head of ${channel}; name a version that the channel has had.`,
    );
  }
  if ((await input.store.fact('proven', `${channel}/${info.tree}`)) === undefined) {
    throw new ApiError(
      409,
      'not-proven',
      `${short} was never proven on ${channel}; leave --to out for the last one that was.`,
    );
  }
  return { commit, tree: info.tree };
}

export async function promote(
  input: ControlInput,
  request: Parameters<PipelineControl['promote']>[0],
  by: Operator,
): Promise<Answer> {
  const { policy, target, head } = await channelNow(input, request.to);
  const commit = await resolveCommit(input, request.commit);
  const short = commit.slice(0, 12);
  await refuseVetoed(input, commit);
  if (await input.source.isAncestor(commit, head)) {
    throw new ApiError(409, 'already-there', `${policy.name} contains ${short} already.`);
  }
  const { tree } = await input.source.commitInfo(commit);
  if (request.bypass) {
    await requireProvenAbove(input, policy.name, commit, tree);
    const move = moveOf('bypass', input.now(), {
      channel: policy.name,
      commit,
      from: head,
      waived: [],
      by,
      reason: request.reason,
    });
    return ask(
      input,
      target,
      by,
      move,
      'The picked commit earns its own evidence there. Merge it back into the first channel.',
    );
  }
  const source = await provenSource(input, policy.name, tree);
  if (source === undefined) throw notProven(input, policy.name, short);
  if (!(await input.source.isAncestor(head, commit))) {
    throw new ApiError(
      409,
      'target-diverged',
      `${short} does not contain ${head.slice(0, 12)}, the head of ${policy.branch}: merge that back into the first channel, or: clm promote ${short} --to ${policy.name} --bypass --reason …`,
    );
  }
  const id = await promotionId(input, source.channel, policy.name, commit);
  const message = `${by.name} promotes ${short} from ${source.channel} to ${policy.name}: ${request.reason}`;
  const event = id.known
    ? { type: 'RETRY', by: by.name, reason: request.reason }
    : {
        type: 'START',
        input: { channel: source.channel, target: policy.name, commit, tree, rolloutId: source.rollout },
      };
  const start = { machine: 'promotion', parent: null, channel: source.channel, cluster: '', commit };
  const told: OutboxMessage = id.known ? { to: id.id, event } : { to: id.id, event, start };
  await input.engine.post([told], {
    journal: [
      entry({ ...target, commit }, by, 'promotion-requested', message, input.now(), {
        reason: request.reason,
        to: policy.name,
      }),
    ],
  });
  return {
    told: [id.id],
    message: `${message}\nWindows, freezes and the channel's own demands still hold: clm why ${short}`,
  };
}

async function provenSource(input: ControlInput, to: string, tree: string) {
  for (const channel of (input.lastGood.pipeline()?.channels ?? []).filter((one) => one.promotesTo.includes(to))) {
    const value = (await input.store.fact('proven', `${channel.name}/${tree}`))?.value;
    const rollout = (value as { rollout?: unknown } | undefined)?.rollout;
    if (parseProven(value) !== undefined && typeof rollout === 'string') return { channel: channel.name, rollout };
  }
  return undefined;
}

function notProven(input: ControlInput, to: string, short: string): ApiError {
  const from = (input.lastGood.pipeline()?.channels ?? [])
    .filter((one) => one.promotesTo.includes(to))
    .map((one) => one.name);
  const where = from.length === 0 ? 'nothing promotes to it' : `wait until ${from.join(' or ')} has proven it`;
  return new ApiError(
    409,
    'not-proven',
    `${short} is not proven for ${to}: ${where} (clm why ${short}), or use the lane that leaves a debt: clm hotfix ${short} --to ${to} --reason …`,
  );
}

/** Around a channel, not around all evidence: the change has to be proven on some channel before this one. */
async function requireProvenAbove(input: ControlInput, to: string, commit: string, tree: string): Promise<void> {
  const channels = input.lastGood.pipeline()?.channels ?? [];
  const above = new Set<string>();
  const climb = (name: string): void => {
    for (const one of channels.filter((each) => each.promotesTo.includes(name) && !above.has(each.name))) {
      above.add(one.name);
      climb(one.name);
    }
  };
  climb(to);
  for (const name of above) {
    if ((await input.store.fact('proven', `${name}/${tree}`)) !== undefined) return;
  }
  throw notProven(input, to, commit.slice(0, 12));
}

/** A promotion that is held is tried again; one that has ended is asked for anew. */
async function promotionId(input: ControlInput, channel: string, to: string, commit: string) {
  const rows = await input.store.rows({ machine: 'promotion', channel });
  const base = `promotion:${channel}:${to}:${commit}`;
  const own = rows.filter((row) => row.id === base || row.id.startsWith(`${base}:`));
  const active = own.find((row) => row.status === 'active');
  if (active !== undefined) return { id: active.id, known: true };
  return { id: own.length === 0 ? base : `${base}:${own.length + 1}`, known: false };
}

async function channelNow(
  input: ControlInput,
  name: string,
): Promise<{ policy: ChannelPolicy; target: Target; head: string }> {
  const channels = input.lastGood.pipeline()?.channels ?? [];
  const policy = channels.find((one) => one.name === name);
  if (policy === undefined) {
    throw unknownSubject(
      'channel',
      name,
      nearMatches(
        name,
        channels.map((one) => one.name),
      ),
    );
  }
  if (parseAdoption((await input.store.fact('adoption', 'fleet'))?.value) === undefined) {
    throw new ApiError(409, 'not-adopted', 'The fleet is only observed until `clm adopt`.');
  }
  const { heads, problems } = await input.source.fetch([policy.branch], {});
  const head = heads[0]?.commit;
  if (head === undefined)
    throw new ApiError(409, 'branch-missing', problems[0]?.message ?? `Branch ${policy.branch} was not found.`);
  return { policy, target: await resolve(input, { kind: 'channel', name }), head };
}

async function refuseVetoed(input: ControlInput, commit: string): Promise<void> {
  const { tree } = await input.source.commitInfo(commit);
  const veto = vetoOn(readOverrides(await input.store.facts('override')), { commit, tree }, input.now());
  if (veto === undefined) return;
  throw new ApiError(
    409,
    'vetoed',
    `${commit.slice(0, 12)} cannot be used: ${describeHold(veto)}. To lift it: clm unveto ${veto.commit?.slice(0, 12)} --reason …`,
  );
}

function moveOf(
  kind: ChannelMove['kind'],
  now: number,
  parts: { channel: string; commit: string; from: string; waived: ChannelMove['waived']; by: Operator; reason: string },
): ChannelMove {
  const { channel, commit, from, waived, by, reason } = parts;
  return { kind, id: `${kind}:${channel}:${commit.slice(0, 12)}:${now}`, commit, from, waived, by: by.name, reason };
}

async function ask(
  input: ControlInput,
  target: Target,
  by: Operator,
  move: ChannelMove,
  after: string,
  facts: FactWrite[] = [],
): Promise<Answer> {
  const now = input.now();
  const message = `${by.name} asks for a ${move.kind} of ${target.channel} with ${move.commit.slice(0, 12)}: ${move.reason}`;
  const told: OutboxMessage = { to: `channel:${target.channel}`, event: { type: 'MOVE', move: { ...move } } };
  const { reason, waived, id } = move;
  const vetoes = facts.map((fact) =>
    entry(target, by, 'override-veto', `${by.name} vetoed ${fact.key.slice('veto/'.length)}: ${reason}`, now, {
      ...(fact.value as { [key: string]: string | number }),
    }),
  );
  await input.engine.post([told], {
    facts,
    journal: [
      entry({ ...target, commit: move.commit }, by, `${move.kind}-requested`, message, now, {
        reason,
        waived,
        request: id,
      }),
      ...vetoes,
    ],
  });
  const hold = holdOn(readOverrides(await input.store.facts('override')), { channel: target.channel }, now);
  const held = hold === undefined ? '' : `\nThe branch moves now, and nothing starts yet: ${describeHold(hold)}`;
  return { told: [told.to], message: `${message}\n${after}${held}` };
}
