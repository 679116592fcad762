/** Does what a plan says, one small call each, and writes down what was decided. No choices are made here. */

import type { NodeView } from '../../domain/cluster-view.ts';
import { type Failure, FailureError } from '../../domain/failure.ts';
import type { RollMemory } from '../../domain/node-pool-roll.ts';
import { baselineTag } from '../../planning/roll/group-tags.ts';
import {
  clearPatch,
  cordonPatch,
  exemptPatch,
  forcedPatch,
  markPatch,
  type NodePatch,
} from '../../planning/roll/node-marks.ts';
import { indexPods } from '../../planning/roll/pod-index.ts';
import type { RollAction } from '../../planning/roll/roll-plan.ts';
import { backoffMs } from '../../support/backoff.ts';
import { writeExpected } from './expected-tag.ts';
import { nodeResource, podResource } from './pods-on-node.ts';
import { registerAgain } from './register-again.ts';
import { assertLease, note, type RollVisit } from './roll-context.ts';

/** A lasting refusal (a webhook's, a broken budget's) is asked about again after this long. */
const lastingRefusalMs = 300_000;
/** An API server that is too busy says how long to wait; each time it still is, a little longer. */
const throttledRetry = { baseMs: 2_000, maxMs: 30_000 };

export interface Performed {
  /** Something was changed that the next plan should see at once. */
  changed: boolean;
  memory: RollMemory;
  /** The first failure; others of its kind are not worth more. */
  failure: Failure | undefined;
}

export async function performActions(
  visit: RollVisit,
  actions: RollAction[],
  nodes: ReadonlyMap<string, NodeView>,
  memory: RollMemory,
): Promise<Performed> {
  const performed: Performed = { changed: false, memory, failure: undefined };
  for (const action of actions) {
    assertLease(visit);
    try {
      await perform(visit, action, nodes, performed);
    } catch (error) {
      if (!(error instanceof FailureError)) throw error;
      performed.failure ??= error.failure;
      if (error.failure.kind === 'terminal') break;
    }
  }
  return performed;
}

async function perform(
  visit: RollVisit,
  action: RollAction,
  nodes: ReadonlyMap<string, NodeView>,
  performed: Performed,
): Promise<void> {
  const { session } = visit;
  switch (action.kind) {
    case 'capacity':
      return;
    case 'evict':
      await evict(visit, action);
      return;
    case 'force': {
      const node = nodes.get(action.node);
      if (node) await force(visit, action, node);
      return;
    }
    case 'deregister':
      await session.cloud.deregister(action.balancer.kind, action.balancer.id, action.instanceId);
      visit.ledger.askedToLetGo(action.instanceId, action.balancer.id, visit.now());
      session.cloudChanged();
      note(visit, 'node-deregistered', `${action.node} is being taken out of ${action.balancer.id}: ${action.reason}`);
      return;
    case 'protect':
      await session.cloud.setProtection(action.group, action.instanceIds, true);
      visit.ledger.protected(action.instanceIds, visit.now());
      session.cloudChanged();
      return;
    case 'move-baseline':
      await moveBaseline(visit, action, performed);
      return;
    case 'mark':
    case 'exempt':
    case 'cordon':
    case 'give-back': {
      const node = nodes.get(action.node);
      if (node && action.kind === 'give-back') await registerAgain(visit, node);
      if (node && (await patchNode(visit, node, patchFor(visit, action, node, performed.memory)))) {
        performed.changed = true;
        noteNode(visit, action);
      }
    }
  }
}

type NodeAction = Extract<RollAction, { kind: 'mark' | 'exempt' | 'cordon' | 'give-back' }>;

function patchFor(visit: RollVisit, action: NodeAction, node: NodeView, memory: RollMemory): NodePatch {
  switch (action.kind) {
    case 'mark':
      return markPatch(node, memory.rollId, action.protectedByUs, action.effect);
    case 'exempt':
      return exemptPatch(memory.rollId);
    case 'cordon':
      return cordonPatch(node, { rollId: memory.rollId, now: visit.now(), pods: action.pods, why: action.why });
    case 'give-back':
      return clearPatch(node);
  }
}

function noteNode(visit: RollVisit, action: NodeAction): void {
  const data = { node: action.node };
  if (action.kind === 'cordon') {
    note(
      visit,
      'node-cordoned',
      `${action.node} is cordoned, ${action.pods} pods have to move: ${action.reason}`,
      data,
    );
  }
  if (action.kind === 'give-back')
    note(visit, 'node-given-back', `${action.node} takes pods again: ${action.reason}`, data);
}

/** false when somebody else was faster or the node is gone: the next look decides anew. */
export async function patchNode(visit: RollVisit, node: NodeView, patch: NodePatch): Promise<boolean> {
  try {
    const patched = await visit.session.kube.patch(nodeResource, undefined, node.name, { type: 'merge', body: patch });
    visit.session.accepted({ kind: 'node-patched', node: patched });
    return true;
  } catch (error) {
    if (!(error instanceof FailureError)) throw error;
    if (error.failure.code === 'kube-conflict' || error.failure.code === 'kube-not-found') return false;
    visit.ledger.unsure.add(node.name);
    throw error;
  }
}

/**
 * What became of patches that nobody has answered is read before the next plan: one made on a view that does not show a cordon yet could
 * cordon another node as well, and leave one too few.
 */
export async function readUnsureNodes({ ledger, session }: RollVisit): Promise<void> {
  for (const name of [...ledger.unsure]) {
    const node = await session.kube.get(nodeResource, undefined, name);
    if (node !== undefined) session.accepted({ kind: 'node-patched', node });
    ledger.unsure.delete(name);
  }
}

async function moveBaseline(
  visit: RollVisit,
  action: Extract<RollAction, { kind: 'move-baseline' }>,
  performed: Performed,
): Promise<void> {
  if (action.tagged) {
    await writeExpected(visit, action.group, action.expected, { [baselineTag]: String(action.baseline) });
  }
  const before = performed.memory.groups.find((group) => group.name === action.group)?.baseline;
  performed.memory = {
    ...performed.memory,
    drift: null,
    groups: performed.memory.groups.map((group) =>
      group.name === action.group ? { ...group, baseline: action.baseline, expected: action.expected } : group,
    ),
  };
  performed.changed = true;
  const message = `the size of ${action.group} is followed from ${before ?? 'unknown'} to ${action.baseline}: ${action.reason}`;
  note(visit, 'baseline-moved', message);
}

/** The note on the node goes first: a kill in between costs one interval, never a second pod. */
async function force(visit: RollVisit, action: Extract<RollAction, { kind: 'force' }>, node: NodeView): Promise<void> {
  const { session, ledger } = visit;
  if (!(await patchNode(visit, node, forcedPatch(node, visit.now())))) return;
  assertLease(visit);
  const { namespace, pod, uid } = action;
  try {
    // With the grace that the pod asks for, and never for another pod of that name.
    await session.kube.delete(podResource, namespace, pod, { uid });
  } catch (error) {
    if (!(error instanceof FailureError) || error.failure.code !== 'kube-conflict') throw error;
  }
  session.accepted({ kind: 'evicted', podUid: uid });
  ledger.evictNotBefore.delete(uid);
  ledger.refusedForGood.delete(uid);
  const held = action.budget === '' ? '' : ` in spite of ${action.budget}`;
  note(visit, 'pod-forced', `${namespace}/${pod} of ${action.owner} is deleted${held}: ${action.reason}`, {
    node: action.node,
    namespace,
    pod,
    budget: action.budget,
    owner: action.owner,
    actor: action.actor,
  });
}

async function evict(visit: RollVisit, action: Extract<RollAction, { kind: 'evict' }>): Promise<void> {
  const { ledger, session, policy, step } = visit;
  const { uid } = action;
  const later = (atLeastMs: number): void => {
    const refusals = (ledger.refusals.get(uid) ?? 0) + 1;
    ledger.refusals.set(uid, refusals);
    const pause = backoffMs(policy.evictionRetry, refusals, visit.parts.random);
    ledger.evictNotBefore.set(uid, visit.now() + Math.max(atLeastMs, pause));
  };
  try {
    const result = await session.kube.evict(action.namespace, action.pod, { uid });
    switch (result.kind) {
      case 'accepted':
        session.accepted({ kind: 'evicted', podUid: uid });
        ledger.evictions.set(step.id, (ledger.evictions.get(step.id) ?? 0) + 1);
        if (action.workload !== '') ledger.terminations.begin(uid, action.workload, visit.now());
        ledger.letGo(uid);
        await countReturn(visit, action);
        noteLost(visit, action);
        return;
      case 'gone':
        session.accepted({ kind: 'evicted', podUid: uid });
        ledger.letGo(uid);
        return;
      case 'refused-by-budget':
        later(result.retryAfterMs ?? 5_000);
        return;
      case 'namespace-terminating':
        later(5_000);
        return;
      case 'blocked':
        ledger.refusedForGood.set(uid, {
          code: result.code,
          message: `${action.namespace}/${action.pod} cannot be evicted: ${result.message}`,
          until: visit.now() + lastingRefusalMs,
        });
        return;
    }
  } catch (error) {
    if (!(error instanceof FailureError) || error.failure.kind === 'terminal') throw error;
    // Throttling and server errors say nothing about the pod; others go on.
    if (error.failure.code === 'kube-throttled') {
      const times = (ledger.refusals.get(uid) ?? 0) + 1;
      ledger.refusals.set(uid, times);
      const pause = Math.max(error.failure.retryAfterMs ?? 0, backoffMs(throttledRetry, times, visit.parts.random));
      ledger.throttledUntil.set(uid, visit.now() + pause);
      return;
    }
    later(error.failure.retryAfterMs ?? 5_000);
  }
}

async function countReturn(visit: RollVisit, action: Extract<RollAction, { kind: 'evict' }>): Promise<void> {
  const { node, ownerUid, uid, returned: late } = action;
  if (ownerUid === '') return;
  const { pods } = await visit.session.view();
  const there = (): string[] =>
    (indexPods(pods).byNode.get(node) ?? []).flatMap((pod) => (pod.owner?.uid === ownerUid ? [pod.uid] : []));
  visit.ledger.countReturn(node, ownerUid, { uid, late, there });
}

/** What nothing brings back is never evicted silently. */
function noteLost(visit: RollVisit, action: Extract<RollAction, { kind: 'evict' }>): void {
  const pod = `${action.namespace}/${action.pod}`;
  if (action.ownerUid === '') {
    note(visit, 'bare-pod-evicted', `${pod} has no controller: nothing brings it back`);
  } else if (action.owner.startsWith('DaemonSet/')) {
    // Pods of DaemonSets that exist stay where they are.
    note(visit, 'orphan-pod-evicted', `${pod} is of ${action.owner}, which is no more: nothing brings it back`);
  }
}
