/** Asks gates: gathers what they judge on, keeps since when each is as it is. */
import { FailureError } from '../../domain/failure.ts';
import type { GatePolicy, GateRecord, HttpGate, PrometheusGate } from '../../domain/gate.ts';
import type { ChannelPolicy } from '../../domain/pipeline.ts';
import type { RolloutState } from '../../domain/rollout.ts';
import { parseApproval } from '../../planning/pipeline/facts.ts';
import { judgeApproval } from '../../planning/pipeline/gates/approval-gate.ts';
import type { Asked, GateVerdict } from '../../planning/pipeline/gates/gate-verdict.ts';
import { judgeHttp } from '../../planning/pipeline/gates/http-gate.ts';
import { judgePrometheus } from '../../planning/pipeline/gates/prometheus-gate.ts';
import { judgeSchedule } from '../../planning/pipeline/gates/schedule-gate.ts';
import type { StepInput } from '../../ports/step.ts';
import type { PipelineDependencies } from '../pipeline-dependencies.ts';

type Input = StepInput<RolloutState>;

/** Answers of every gate of the channel, or of those that are named. Nothing is thrown: who does not answer is not open. */
export async function askGates(
  deps: PipelineDependencies,
  input: Input,
  policy: ChannelPolicy,
  names?: readonly string[],
): Promise<GateRecord[]> {
  const gates = (policy.gates ?? []).filter((gate) => names === undefined || names.includes(gate.name));
  return Promise.all(gates.map((gate) => askGate(deps, input, gate)));
}

async function askGate(deps: PipelineDependencies, input: Input, gate: GatePolicy): Promise<GateRecord> {
  const { context, now } = input;
  const { channel, commit, tree } = context;
  switch (gate.kind) {
    case 'approval': {
      const facts = await deps.store.facts('approval', `${channel}/${commit}/${gate.name}/`);
      const approvals = facts.flatMap((fact) => parseApproval(fact.value) ?? []);
      const roles = deps.pipeline().roles ?? {};
      return recordOf(input, gate.name, judgeApproval({ gate, channel, commit, tree, approvals, roles, now }));
    }
    case 'schedule':
      return recordOf(input, gate.name, judgeSchedule(gate, now));
    case 'http': {
      const asked = await ask(input, gate, async () => {
        if (deps.http === undefined) throw new Error('this daemon has no HTTP client');
        return deps.http.send(requestOf(input, gate));
      });
      return recordOf(input, gate.name, judgeHttp({ gate, commit, asked, now }), asked);
    }
    case 'prometheus': {
      const asked = await ask(input, gate, async () => {
        if (deps.metrics === undefined) throw new Error('this daemon has no client for Prometheus');
        const { url, timeoutMs, tokenEnv } = gate;
        const query = filledIn(gate.query, input);
        return deps.metrics.query({ url, query, at: now, timeoutMs, ...(tokenEnv === undefined ? {} : { tokenEnv }) });
      });
      return recordOf(input, gate.name, judgePrometheus({ gate, asked, now }), asked);
    }
  }
}

function requestOf(input: Input, gate: HttpGate) {
  const { channel, commit, tree } = input.context;
  return {
    method: 'POST' as const,
    url: gate.url,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ gate: gate.name, channel, commit, tree, rollout: input.id }),
    timeoutMs: gate.timeoutMs,
    ...(gate.tokenEnv === undefined ? {} : { tokenEnv: gate.tokenEnv }),
  };
}

/** Values go into a query as the text of a label: what could end the text is left out. */
function filledIn(query: string, input: Input): string {
  const { channel, commit } = input.context;
  const values: Record<string, string> = { channel, commit, rollout: input.id };
  return query.replaceAll(/\$(channel|commit|rollout)\b/g, (_, name: string) =>
    (values[name] ?? '').replaceAll(/["\\\n]/g, ''),
  );
}

async function ask<Answer>(
  input: Input,
  gate: HttpGate | PrometheusGate,
  send: () => Promise<Answer>,
): Promise<Asked<Answer>> {
  try {
    return { answered: true, answer: await send() };
  } catch (error) {
    const message = error instanceof FailureError ? error.failure.message : (error as Error).message;
    const since = previous(input, gate.name)?.unansweredSince ?? input.now;
    return { answered: false, message, since };
  }
}

function previous(input: Input, name: string): GateRecord | undefined {
  return input.context.gates.find((gate) => gate.name === name);
}

export function recordOf(input: Input, name: string, verdict: GateVerdict, asked?: Asked<unknown>): GateRecord {
  const before = previous(input, name);
  return {
    name,
    ...verdict,
    since: before?.state === verdict.state ? before.since : input.now,
    unansweredSince: asked === undefined || asked.answered ? null : asked.since,
  };
}
