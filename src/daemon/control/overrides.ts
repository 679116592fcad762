/** Freeze, pin, hold, skip, veto: laid down with who, why and until when, and ended again. */
import type { Operator } from '../../api/backend.ts';
import { ApiError } from '../../api/errors.ts';
import type { PipelineControl } from '../../api/pipeline-control.ts';
import type { ChannelState } from '../../domain/channel.ts';
import { withoutApiKind } from '../../planning/lifecycle/decommission-plan.ts';
import { parseChannelFact, parseClusterFact } from '../../planning/pipeline/facts.ts';
import type { FactWrite, OutboxMessage } from '../../ports/store.ts';
import type { ControlInput } from './control-input.ts';
import { entry, resolve, resolveCommit, type Target } from './target.ts';

type OverrideRequest = Parameters<PipelineControl['override']>[0];
type Kind = OverrideRequest['kind'];

const scopesOf: Record<Kind, readonly string[]> = {
  freeze: ['fleet', 'channel', 'cluster'],
  pin: ['channel', 'cluster'],
  hold: ['fleet', 'channel', 'commit'],
  skip: ['cluster'],
  veto: ['commit'],
  decommission: ['cluster'],
};
const words: Record<Kind, { past: string; effect: string; end: string }> = {
  freeze: { past: 'froze', effect: 'nothing starts there', end: 'unfreeze' },
  pin: { past: 'pinned', effect: 'it takes no other version', end: 'unpin' },
  hold: { past: 'holds', effect: 'versions are proven there and not promoted', end: 'release' },
  skip: { past: 'skips', effect: 'rollouts leave it out; it catches up afterwards', end: 'unskip' },
  veto: { past: 'vetoed', effect: 'it starts nowhere and is not promoted', end: 'unveto' },
  decommission: {
    past: 'confirmed that it goes:',
    effect: 'clm takes it away once it has cooled off and nobody`s workloads are in it',
    end: 'keep',
  },
};

export async function layOverride(
  input: ControlInput,
  request: OverrideRequest,
  by: Operator,
): Promise<{ told: string[]; message: string }> {
  const { kind, scope, reason } = request;
  requireScope(kind, scope.kind);
  if (request.commit !== undefined && kind !== 'pin') {
    throw new ApiError(400, 'commit-not-wanted', `A ${kind} takes no commit beside its scope; leave it out.`);
  }
  if (request.withoutApi === true && kind !== 'decommission') {
    throw new ApiError(
      400,
      'without-api-not-wanted',
      `withoutApi belongs to a decommission, not to a ${kind}; leave it out.`,
    );
  }
  const now = input.now();
  const target = await resolve(input, scope);
  if (kind === 'decommission') requireLeaving(input, target, request.confirm);
  const expiresAt = now + request.forSeconds * 1000;
  const version = await versionOf(input, kind, target, request.commit);
  const key = `${kind}/${target.text}`;
  const value = { kind, scope: target.text, actor: by.name, reason, expiresAt, ...version };
  const until = new Date(expiresAt).toISOString();
  const on = kind === 'pin' ? ` to ${version.commit?.slice(0, 12)}` : '';
  const { past, effect, end } = words[kind];
  const unseen =
    request.withoutApi === true
      ? ' (its API is gone for good: nobody looks what is in it, and no node is drained)'
      : '';
  const message = `${by.name} ${past} ${target.text}${on}${unseen} until ${until}: ${reason}`;
  const messages = toldOf(kind, target, by.name, reason);
  await input.engine.post(messages, {
    facts: [{ kind: 'override', key, value }, ...withoutApiFacts(request, value)],
    journal: [entry(target, by, `override-${kind}`, message, now, { kind, reason, expiresAt, ...version })],
  });
  return {
    told: messages.map((one) => one.to),
    message: `${message}\nUntil then ${effect}. To end it: clm ${end} ${target.text} --reason …`,
  };
}

export async function endOverride(
  input: ControlInput,
  { kind, scope, reason }: Parameters<PipelineControl['endOverride']>[0],
  by: Operator,
): Promise<{ told: string[]; message: string }> {
  requireScope(kind, scope.kind);
  const now = input.now();
  const target = await resolve(input, scope);
  const key = `${kind}/${target.text}`;
  const facts = await input.store.facts('override');
  if (!facts.some((fact) => fact.key === key)) {
    const others = facts
      .filter((fact) => fact.key.startsWith(`${kind}/`))
      .map((fact) => fact.key.slice(kind.length + 1));
    const there =
      others.length === 0 ? `There is no ${kind} anywhere.` : `There is a ${kind} of: ${others.join(', ')}.`;
    throw new ApiError(409, 'nothing-to-end', `${target.text} has no ${kind} that could be ended. ${there}`);
  }
  const message = `${by.name} ended the ${kind} of ${target.text}: ${reason}`;
  const messages = target.processes.map((to): OutboxMessage => ({ to, event: { type: 'LOOK' } }));
  await input.engine.post([...messages, ...channelLooks(input, target)], {
    facts: endedKeys(facts, kind, target.text).map(
      (ended): FactWrite => ({ kind: 'override', key: ended, value: null }),
    ),
    journal: [entry(target, by, 'override-ended', message, now, { kind, reason })],
  });
  const next = kind === 'veto' ? await afterUnveto(input, target) : [];
  return { told: target.processes, message: [message, ...next].join('\n') };
}

/** Where a bisect has put another version in the place of this head, it stays: what ran there was proven, and a newer commit takes over. */
async function afterUnveto(input: ControlInput, target: Target): Promise<string[]> {
  const short = target.commit.slice(0, 12);
  const lines: string[] = [];
  for (const { name } of input.lastGood.pipeline()?.channels ?? []) {
    const { standIn } = ((await input.store.load(`channel:${name}`))?.context ?? {}) as Partial<ChannelState>;
    if (standIn?.head !== target.commit) continue;
    lines.push(
      `${name} stays on ${standIn.commit.slice(0, 12)}, which stands in for ${short} since a bisect: it does not go back to ${short} by itself, nor by clm retry. Merge a newer commit, which may bring its change again.`,
    );
  }
  return lines;
}

/** That its API is gone is an override of its own: it ends when the confirmation does. */
function withoutApiFacts(
  request: OverrideRequest,
  value: { scope: string; actor: string; reason: string; expiresAt: number },
): FactWrite[] {
  if (request.kind !== 'decommission') return [];
  const { scope, actor, reason, expiresAt } = value;
  const said = { kind: withoutApiKind, scope, actor, reason, expiresAt };
  // a confirmation without it takes an earlier one back
  return [{ kind: 'override', key: `${withoutApiKind}/${scope}`, value: request.withoutApi === true ? said : null }];
}

function endedKeys(facts: readonly { key: string }[], kind: Kind, scope: string): string[] {
  const keys = [`${kind}/${scope}`, ...(kind === 'decommission' ? [`${withoutApiKind}/${scope}`] : [])];
  return keys.filter((key) => facts.some((fact) => fact.key === key));
}

function requireScope(kind: Kind, scope: string): void {
  const allowed = scopesOf[kind];
  if (allowed.includes(scope)) return;
  const forms = allowed.map((one) => (one === 'fleet' ? 'fleet' : `${one}:NAME`)).join(', ');
  throw new ApiError(400, 'wrong-scope', `A ${kind} is of: ${forms}; not of a ${scope}.`);
}

/** The registry has to ask for it first, and whoever confirms has to mean this very cluster (B10). */
function requireLeaving(input: ControlInput, target: Target, confirm: string | undefined): void {
  const cluster = input.lastGood.clusters().find((one) => one.id === target.cluster);
  if (confirm !== target.cluster) {
    const typed = confirm === undefined ? 'nothing' : `'${confirm}'`;
    const message = `You typed ${typed}, and the cluster's id is ${target.cluster}. To confirm it: --confirm ${target.cluster}`;
    throw new ApiError(400, 'confirmation-differs', message);
  }
  if (cluster?.lifecycleStatus === 'decommission-requested') return;
  throw new ApiError(
    409,
    'not-asked-for',
    `The registry says that ${target.cluster} is ${cluster?.lifecycleStatus ?? 'unknown'}: write lifecycle_status: decommission-requested there first.`,
  );
}

/** What a pin or veto is about: a pin keeps what runs, and brings nothing anywhere. */
async function versionOf(
  input: ControlInput,
  kind: Kind,
  target: Target,
  wanted: string | undefined,
): Promise<{ commit?: string; tree?: string }> {
  if (kind === 'veto') {
    const { tree } = await input.source.commitInfo(target.commit);
    return { commit: target.commit, tree };
  }
  if (kind !== 'pin') return {};
  const fact =
    target.cluster === ''
      ? parseChannelFact((await input.store.fact('channel', target.channel))?.value)?.lastGood
      : parseClusterFact((await input.store.fact('cluster', target.cluster))?.value)?.commit;
  if (fact === null || fact === undefined) {
    throw new ApiError(
      409,
      'nothing-to-pin',
      `What ${target.text} runs is not known, so that it cannot be kept on it.`,
    );
  }
  const commit = wanted === undefined ? fact : await resolveCommit(input, wanted);
  if (commit === fact) return { commit };
  throw new ApiError(
    409,
    'pin-elsewhere',
    `${target.text} runs ${fact.slice(0, 12)}: a pin keeps what runs, and does not move it to ${commit.slice(0, 12)}. ` +
      'Leave --to out; to go back on a channel: clm rollback CHANNEL --to COMMIT.',
  );
}

/** A veto ends what is under way; everything else is only looked at again. */
function toldOf(kind: Kind, target: Target, by: string, reason: string): OutboxMessage[] {
  const event = kind === 'veto' ? { type: 'ABORT', by, reason: `vetoed: ${reason}` } : { type: 'LOOK' };
  return target.processes.map((to) => ({ to, event }));
}

function channelLooks(input: ControlInput, target: Target): OutboxMessage[] {
  const channels = input.lastGood.pipeline()?.channels ?? [];
  return channels
    .filter((one) => target.channel === '' || one.name === target.channel)
    .map((one) => ({ to: `channel:${one.name}`, event: { type: 'LOOK' } }));
}
