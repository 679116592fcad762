/** Signals that resources of stacks wait for: how many, how long, and what instances send by themselves. */
import type { SimInstance } from '../../seams.ts';
import { AwsError, plainText } from '../aws-request.ts';
import type { Cloud } from '../cloud.ts';
import type { RegionState } from '../region-state.ts';
import { resolve } from './expressions.ts';
import type { Plan } from './plan.ts';

/** How long user data takes after the instance runs, to its last line. */
const bootScriptMs: [number, number] = [20_000, 60_000];

export interface AwaitedSignals {
  count: number;
  timeoutMs: number;
  /** Share of them that must say that it went well. */
  percent: number;
}

/** Signals that a new resource waits for, by its creation policy or as a wait condition. */
export function signalsOf(plan: Plan, logicalId: string): AwaitedSignals | undefined {
  const declaration = plan.scope.template.resources.get(logicalId);
  const policy = resolve(declaration?.creationPolicy ?? {}, plan.scope) as Record<string, Record<string, unknown>>;
  const signal = policy['ResourceSignal'];
  if (signal) {
    const percent = Number(policy['AutoScalingCreationPolicy']?.['MinSuccessfulInstancesPercent'] ?? 100);
    return { count: Number(signal['Count'] ?? 1), timeoutMs: durationMs(signal['Timeout'], 'PT5M'), percent };
  }
  if (declaration?.type !== 'AWS::CloudFormation::WaitCondition') return undefined;
  const { Count, Timeout } = resolve(declaration.properties, plan.scope) as Record<string, unknown>;
  return { count: Number(Count ?? 1), timeoutMs: Number(Timeout ?? 300) * 1000, percent: 100 };
}

/** `PT1H30M10S`. @throws AwsError for anything else */
export function durationMs(value: unknown, otherwise: string): number {
  const text = plainText(value ?? otherwise);
  const match = /^PT(?=\d)(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?$/.exec(text);
  if (!match) throw new AwsError('ValidationError', `${text} is not a valid ISO 8601 duration (PT#H#M#S)`);
  const [hours = 0, minutes = 0, seconds = 0] = match.slice(1).map((part) => Number(part ?? 0));
  return (hours * 3600 + minutes * 60 + seconds) * 1000;
}

/** Whether so many of these instances are enough. */
export function areEnough(successes: number, of: number, percent: number): boolean {
  return of === 0 || (successes / of) * 100 >= percent;
}

/** What one line of user data tells CloudFormation when it is run. */
export interface BootSignal {
  stack: string;
  logicalId: string;
  /** Undefined: the id of the instance. */
  uniqueId?: string;
  well: boolean;
}

/**
 * Calls of `cfn-signal` and `aws cloudformation signal-resource` in user data, in their order. An exit code or status that only a
 * running shell would know (`$?`) is taken as success.
 */
export function bootSignals(userData: string): BootSignal[] {
  const found: BootSignal[] = [];
  const text = userData.replaceAll(/\\\r?\n/g, ' ');
  for (const [, tool = '', line = ''] of text.matchAll(/(cfn-signal|signal-resource)\b([^\n;|&]*)/g)) {
    const value = (...flags: string[]): string | undefined => {
      const match = new RegExp(`(?:^|[\\s,"'\\[])(?:${flags.join('|')})["']?[=\\s,]+["']?([^\\s"',\\]]+)`).exec(line);
      return match?.[1];
    };
    const byCli = tool === 'signal-resource';
    const stack = byCli ? value('--stack-name') : value('--stack');
    const logicalId = byCli ? value('--logical-resource-id') : value('--resource', '-r');
    if (stack === undefined || logicalId === undefined) continue;
    const code = value('--exit-code', '-e');
    const said = byCli ? value('--status') !== 'FAILURE' : value('--success', '-s') !== 'false';
    const id = byCli ? value('--unique-id') : value('--id', '-i');
    found.push({
      stack,
      logicalId,
      well: said && !(code !== undefined && /^\d+$/.test(code) && code !== '0'),
      ...(id === undefined || id.includes('$') ? {} : { uniqueId: id }),
    });
  }
  return found;
}

/** The instance runs its user data; what it signals comes at the end of it. An image that never comes up gets nowhere. */
export function signalAfterBoot(cloud: Cloud, state: RegionState, instance: SimInstance): void {
  if (instance.neverReady || !/cfn-signal|signal-resource/.test(instance.userData)) return;
  const signals = bootSignals(instance.userData);
  if (signals.length === 0) return;
  cloud.clock.at(cloud.now() + cloud.draw(state, bootScriptMs), () => {
    if (state.instances.get(instance.id)?.state !== 'running') return;
    for (const { stack, logicalId, uniqueId, well } of signals)
      cloud.stacks.signal(state, { stack, logicalId, uniqueId: uniqueId ?? instance.id, well });
  });
}
