/** What lasts and is told when it begins and when it ends: freezes, blocks, gates that wait for people, debts. Pure. */
import { type Pipeline, windowsOf } from '../../domain/pipeline.ts';
import type { NewsKind, Severity } from '../../ports/notifier.ts';
import type { ChannelStatus, StatusDocument } from '../explain/status-document.ts';
import { parseDebt } from '../pipeline/facts.ts';
import { describeHold, isHolding, readOverrides } from '../pipeline/overrides.ts';
import { judgeWindows } from '../pipeline/windows.ts';
import { threadOf } from './news.ts';

export interface Condition {
  /** The same while it lasts. */
  key: string;
  kind: NewsKind;
  severity: Severity;
  message: string;
  /** What is told when it is over; null = its end is no news. */
  end: { kind: NewsKind; message: string } | null;
  channel: string;
  cluster: string;
  commit: string;
}

export interface ConditionsInput {
  status: StatusDocument;
  pipeline: Pipeline | undefined;
  overrideFacts: { key: string; value: unknown }[];
  debtFacts: { key: string; value: unknown }[];
  /** A cluster that is blocked for less is not told. */
  blockedForMs: number;
  now: number;
}

export function conditionsNow(input: ConditionsInput): Condition[] {
  return [...freezes(input), ...closedWindows(input), ...blocks(input), ...wantedApprovals(input), ...debts(input)];
}

const nowhere = { channel: '', cluster: '', commit: '' };

function freezes({ overrideFacts, now }: ConditionsInput): Condition[] {
  return readOverrides(overrideFacts)
    .filter((override) => isHolding(override, now) && (override.kind !== 'pause' || override.scope === 'fleet'))
    .map((override) => {
      const message = `nothing starts: ${describeHold(override)}`;
      const end = { kind: 'freeze-ended' as const, message: `the ${override.kind} of ${override.scope} is over` };
      const channel = override.scope.startsWith('channel:') ? override.scope.slice('channel:'.length) : '';
      return {
        ...nowhere,
        channel,
        key: `freeze/${override.id}`,
        kind: 'freeze-started',
        severity: 'attention',
        message,
        end,
      };
    });
}

/** Denials of the calendar; that an allowed time is over is everyday life. */
function closedWindows({ pipeline, now }: ConditionsInput): Condition[] {
  if (pipeline === undefined) return [];
  return pipeline.channels.flatMap((policy): Condition[] => {
    const verdict = judgeWindows(windowsOf(pipeline, policy), 'updates', now);
    if (verdict.open || !verdict.reason.startsWith('denied: ')) return [];
    const until = verdict.opensAt === null ? '' : ` until ${new Date(verdict.opensAt).toISOString()}`;
    const message = `nothing starts on ${policy.name}${until}: ${verdict.reason}`;
    const end = { kind: 'freeze-ended' as const, message: `${policy.name} may start clusters again` };
    return [
      {
        ...nowhere,
        channel: policy.name,
        key: `window/${policy.name}`,
        kind: 'freeze-started',
        severity: 'info',
        message,
        end,
      },
    ];
  });
}

function blocks({ status, blockedForMs, now }: ConditionsInput): Condition[] {
  return status.clusters.flatMap((cluster): Condition[] => {
    const since = Date.parse(cluster.blocker?.since ?? '');
    if (cluster.blocker === undefined || !(now - since >= blockedForMs)) return [];
    const minutes = Math.round((now - since) / 60_000);
    const message = `${cluster.alias} is blocked for ${minutes} minutes: ${cluster.blocker.message}`;
    const commit = cluster.target ?? '';
    const key = `blocked/${cluster.id}/${commit}`;
    return [
      {
        key,
        kind: 'cluster-blocked',
        severity: 'attention',
        message,
        end: null,
        channel: cluster.channel,
        cluster: cluster.id,
        commit,
      },
    ];
  });
}

function wantedApprovals({ status, pipeline }: ConditionsInput): Condition[] {
  return status.channels.flatMap((channel) => {
    const policy = pipeline?.channels.find((one) => one.name === channel.name);
    const asked = new Set((policy?.gates ?? []).filter((gate) => gate.kind === 'approval').map((gate) => gate.name));
    return channel.gates
      .filter((gate) => gate.state === 'closed' && asked.has(gate.name) && otherwiseReady(channel, asked))
      .map((gate): Condition => {
        const commit = channel.rollout?.commit ?? '';
        const message = `${commit.slice(0, 12)} on ${channel.name} waits at gate ${gate.name}: ${gate.reason}; ${gate.openedBy}`;
        const key = `gate/${threadOf(channel.name, commit)}/${gate.name}`;
        return {
          key,
          kind: 'approval-wanted',
          severity: 'attention',
          message,
          end: null,
          channel: channel.name,
          cluster: '',
          commit,
        };
      });
  });
}

/** Nobody is asked for an approval of what may yet fail its checks. */
function otherwiseReady(channel: ChannelStatus, asked: ReadonlySet<string>): boolean {
  return channel.gates.every((gate) => gate.state === 'open' || asked.has(gate.name));
}

function debts({ debtFacts }: ConditionsInput): Condition[] {
  return debtFacts.map((fact) => {
    const channel = fact.key.slice(0, fact.key.indexOf('/'));
    const { commit, skipped, actor, reason } = parseDebt(fact);
    const short = commit.slice(0, 12);
    const message = `${channel} owes evidence for ${short} (${skipped.join(', ')}), put there by ${actor}: ${reason}; until it is gathered nothing is promoted from there`;
    const end = { kind: 'debt-repaid' as const, message: `the debt of ${short} on ${channel} is repaid` };
    return {
      key: `debt/${fact.key}`,
      kind: 'debt-open',
      severity: 'attention',
      message,
      end,
      channel,
      cluster: '',
      commit,
    };
  });
}
