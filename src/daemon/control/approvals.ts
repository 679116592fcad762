/** Approve and reject: one version, by one person, at one place. */
import type { Operator } from '../../api/backend.ts';
import { ApiError, unknownSubject } from '../../api/errors.ts';
import type { PipelineControl } from '../../api/pipeline-control.ts';
import type { ApprovalGate } from '../../domain/gate.ts';
import { nearMatches } from '../../domain/near-matches.ts';
import type { ChannelPolicy } from '../../domain/pipeline.ts';
import { mayApprove, whoMay } from '../../planning/pipeline/gates/approval-gate.ts';
import type { FactWrite, OutboxMessage } from '../../ports/store.ts';
import type { ControlInput } from './control-input.ts';
import { entry, resolve, resolveCommit } from './target.ts';

type Request = Parameters<PipelineControl['approve']>[0];

/** The name under which a pull request, or its branch, is approved. */
const reviewName = 'review';
const headName = 'head';

export async function approve(
  input: ControlInput,
  request: Request,
  by: Operator,
): Promise<{ told: string[]; message: string }> {
  const channels = input.lastGood.pipeline()?.channels ?? [];
  const policy = channels.find((one) => one.name === request.channel);
  if (policy === undefined) {
    throw unknownSubject(
      'channel',
      request.channel,
      nearMatches(
        request.channel,
        channels.map((one) => one.name),
      ),
    );
  }
  const commit = await resolveCommit(input, request.commit);
  const place = await placeOf(input, policy, commit, request.gate);
  const now = input.now();
  const { tree } = await input.source.commitInfo(commit);
  const { verdict, reason } = request;
  const target = await resolve(input, { kind: 'channel', name: policy.name });
  const key = `${policy.name}/${commit}/${place.name}/${by.name}`;
  const expiresAt = now + request.forSeconds * 1000;
  const value = { actor: by.name, verdict, reason, commit, tree, at: now, expiresAt };
  const facts: FactWrite[] = [{ kind: 'approval', key, value }];
  if (place.name === headName) {
    if (verdict === 'rejected') {
      throw new ApiError(
        409,
        'nothing-to-reject',
        `${commit.slice(0, 12)} is held already, because nobody approved it; to keep it out: clm veto ${commit.slice(0, 12)} --reason …`,
      );
    }
    facts.push({ kind: 'approved', key: `${policy.name}/${commit}`, value: { by: by.name, reason, tree, at: now } });
  }
  if (place.gate !== undefined) {
    const roles = input.lastGood.pipeline()?.roles ?? {};
    if (!mayApprove(place.gate, by.name, roles)) {
      throw new ApiError(
        409,
        'not-in-role',
        `${by.name} may not decide at gate ${place.name}: ${whoMay(place.gate, roles)} may.`,
      );
    }
  }
  const message = `${by.name} ${verdict} ${commit.slice(0, 12)} on ${policy.name} (${place.name}): ${reason}`;
  await input.engine.post(
    place.told.map((to): OutboxMessage => ({ to, event: { type: 'LOOK' } })),
    {
      facts,
      journal: [
        entry({ ...target, commit }, by, verdict === 'approved' ? 'approved' : 'rejected', message, now, {
          reason,
          gate: place.name,
          commit,
          tree,
          expiresAt,
        }),
      ],
    },
  );
  return { told: place.told, message };
}

interface Place {
  name: string;
  gate?: ApprovalGate;
  told: string[];
}

/** What is there to approve for this version: its head, its review, its gates. */
async function placeOf(
  input: ControlInput,
  policy: ChannelPolicy,
  commit: string,
  wanted: string | undefined,
): Promise<Place> {
  const places = await placesOf(input, policy, commit);
  const short = commit.slice(0, 12);
  const names = places.map((place) => place.name);
  if (wanted !== undefined) {
    const found = places.find((place) => place.name === wanted);
    if (found !== undefined) return found;
    const near = names.length === 0 ? 'nothing of it waits for approval there' : `what waits is: ${names.join(', ')}`;
    throw new ApiError(409, 'nothing-to-approve', `${short} does not wait for ${wanted} on ${policy.name}; ${near}.`);
  }
  const [only] = places;
  if (only !== undefined && places.length === 1) return only;
  if (only === undefined) {
    throw new ApiError(
      409,
      'nothing-to-approve',
      `Nothing of ${short} waits for approval on ${policy.name}: clm why ${policy.name}`,
    );
  }
  throw new ApiError(
    409,
    'several-to-approve',
    `${short} waits for several approvals on ${policy.name}; say which: --gate ${names.join(' | ')}`,
  );
}

async function placesOf(input: ControlInput, policy: ChannelPolicy, commit: string): Promise<Place[]> {
  const places: Place[] = [];
  const channel = (await input.store.load(`channel:${policy.name}`))?.context as
    | { head?: unknown; problem?: { code?: unknown } | null }
    | undefined;
  if (channel?.head === commit && ['head-unproven', 'head-unsigned'].includes(String(channel.problem?.code))) {
    places.push({ name: headName, told: [`channel:${policy.name}`] });
  }
  const promotions = await input.store.rows({ machine: 'promotion', status: 'active' });
  const reviewed = promotions.filter(
    (row) => row.commit === commit && (row.context as { target?: unknown }).target === policy.name,
  );
  if (policy.promotion === 'pull-request' && reviewed.length > 0) {
    places.push({ name: reviewName, told: reviewed.map((row) => row.id) });
  }
  const rollouts = await input.store.rows({ machine: 'rollout', status: 'active', channel: policy.name });
  const rollout = rollouts.find((row) => row.commit === commit);
  for (const gate of rollout === undefined ? [] : (policy.gates ?? [])) {
    if (gate.kind === 'approval')
      places.push({ name: gate.name, gate, told: rollout === undefined ? [] : [rollout.id] });
  }
  return places;
}
