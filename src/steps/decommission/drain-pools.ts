/** Takes the nodes of workers out one by one, before their stacks go: no node of a production cluster ends undrained (I4). */
import type { PoolDrain } from '../../domain/decommission.ts';
import type { NodePoolRollInput } from '../../domain/node-pool-roll.ts';
import { undrained, workerPools } from '../../planning/lifecycle/decommission-plan.ts';
import type { StepOutcome } from '../../ports/step.ts';
import type { Json, OutboxMessage } from '../../ports/store.ts';
import type { PipelineDependencies } from '../pipeline-dependencies.ts';
import {
  type DecommissionStep,
  done,
  goneForGood,
  type Input,
  saidGone,
  stillGoing,
  waiting,
  wasSeen,
} from './decommission-step.ts';

const lookMs = 5 * 60_000;
const retryMs = 15 * 60_000;
const failedCode = 'drain-failed';
const blockLimitMs = 30 * 60_000;
const bootTimeoutMs = 20 * 60_000;

/** `drain-pools`: all pools of workers at once, each node by node; done when a fresh look shows none of their nodes. */
export function drainPools(deps: PipelineDependencies): DecommissionStep {
  return async (input) => {
    const { clusterId, drains, paused } = input.context;
    const running = Object.values(drains).filter((drain) => drain.state === 'running');
    const going = await stillGoing(deps, input);
    if ('kind' in going) return paused || running.length === 0 ? going : pause(input, running);
    if (paused) return resume(input, running);
    if (!(await wasSeen(deps, clusterId))) return done({ kind: 'next' });
    const session = await deps.sessions.sessionFor(clusterId);
    session.cloudChanged();
    const groups = await session.groups(0);
    const pools = workerPools(groups, going.cluster);
    const gone = await goneForGood(session.kube, input, going.overrides);
    if (gone !== undefined) {
      const message = saidGone(gone, `${undrained(pools)} cannot be drained, and end with their stacks`);
      const event = { type: 'WRITE_OFF', by: input.id, reason: 'the API of the cluster is gone for good' };
      const messages = running.map(({ child }) => ({ to: child, event }));
      return done({ kind: 'next' }, { messages, journal: [{ kind: 'nodes-undrained', message }] });
    }
    const left = Object.keys(pools).filter((pool) => (pools[pool] ?? []).length > 0 || wantsNodes(groups, pool));
    if (left.length === 0 && running.length === 0) return done({ kind: 'next' });
    const fresh = left.filter((pool) => drains[pool] === undefined);
    if (fresh.length > 0) return start(input, fresh);
    const ended = left.filter((pool) => drains[pool]?.state !== 'running');
    return ended.length > 0 ? tryAgain(input, ended) : drainsOn(input, running);
  };
}

function wantsNodes(groups: readonly { tags: Record<string, string>; desired: number }[], pool: string): boolean {
  return groups.some((group) => group.tags['NodePool'] === pool && group.desired > 0);
}

function drainsOn(input: Input, running: PoolDrain[]): StepOutcome {
  const blocked = running.find((drain) => drain.blocked !== null)?.blocked;
  const pools = Object.entries(input.context.drains).filter(([, drain]) => running.includes(drain));
  const names = pools.map(([pool]) => pool).join(', ');
  return waiting(input, 'draining', blocked ?? `nodes of ${names} are drained one by one`, lookMs);
}

/** What did not come to its end is tried again after a while, or when somebody asks for it. */
function tryAgain(input: Input, pools: string[]): StepOutcome {
  const { wait, drains } = input.context;
  const due = wait?.code === 'retry' || (wait?.code === failedCode && input.now - wait.since >= retryMs);
  if (due) return start(input, pools);
  const [pool = ''] = pools;
  const reason = drains[pool]?.reason ?? 'nodes came after it was drained';
  return waiting(input, failedCode, `pool ${pool} could not be drained: ${reason}; it is tried again`, retryMs);
}

function start(input: Input, pools: string[]): StepOutcome {
  const { clusterId, channel, drains } = input.context;
  const started: Record<string, PoolDrain> = {};
  const messages: OutboxMessage[] = [];
  for (const pool of pools) {
    const round = (drains[pool]?.round ?? 0) + 1;
    const child = `roll:${input.id}:${pool}:${round}`;
    const roll: NodePoolRollInput = {
      clusterId,
      updateId: input.id,
      rolloutId: input.id,
      pool,
      controlPlane: false,
      commit: '',
      blockLimitMs,
      bootTimeoutMs,
      removes: true,
    };
    started[pool] = { child, round, state: 'running', reason: null, blocked: null };
    messages.push({
      to: child,
      event: { type: 'START', input: roll as unknown as Json },
      start: { machine: 'nodePoolRoll', parent: input.id, channel, cluster: clusterId, commit: '' },
    });
  }
  const message = `${clusterId}: nodes of ${pools.join(', ')} are drained one by one before their stacks go`;
  return done({ kind: 'again', drains: started }, { messages, journal: [{ kind: 'removal-started', message }] });
}

function pause(input: Input, running: PoolDrain[]): StepOutcome {
  const event = { type: 'PAUSE', by: input.id, reason: 'the decommission rests', expiresAt: null };
  return done({ kind: 'again', paused: true }, { messages: running.map(({ child }) => ({ to: child, event })) });
}

function resume(input: Input, running: PoolDrain[]): StepOutcome {
  const event = { type: 'RESUME', by: input.id, reason: 'the decommission goes on' };
  return done({ kind: 'again', paused: false }, { messages: running.map(({ child }) => ({ to: child, event })) });
}
