/** What happens in a served fleet, a line each. */
import type { WorldEvent } from '../../simulator/model/seams.ts';
import type { Fault } from '../../simulator/scenarios/scenario-schema.ts';
import type { CliIo } from '../io.ts';

export class EventLines {
  readonly #output: 'text' | 'json';
  readonly #io: CliIo;
  /** How much happened since the last line about time. */
  #quiet = true;

  constructor(output: 'text' | 'json', io: CliIo) {
    this.#output = output;
    this.#io = io;
  }

  event(event: WorldEvent): void {
    this.#quiet = false;
    if (this.#output === 'json') this.#io.out(`${JSON.stringify(event)}\n`);
    else this.#io.err(`${timeText(event.at)}  ${shortCluster(event.cluster)}  ${textOf(event)}${byWhom(event)}\n`);
  }

  faultPlanned(id: string, fault: Fault): void {
    const title = fault.title ?? fault.kind;
    if (this.#output === 'json') this.#io.out(`${JSON.stringify({ kind: 'fault', id, fault })}\n`);
    else this.#io.err(`${id}: ${title}\n`);
  }

  /** Says that time passes when nothing else does. */
  time(now: number, calls: { awsCalls: number; kubeCalls: number }): void {
    if (this.#quiet && this.#output === 'text')
      this.#io.err(
        `${timeText(now)}  quiet; ${calls.awsCalls} calls to AWS, ${calls.kubeCalls} to Kubernetes so far\n`,
      );
    this.#quiet = true;
  }
}

function timeText(ms: number): string {
  return new Date(ms).toISOString().slice(11, 19);
}

function shortCluster(id: string): string {
  return (id === '' ? '-' : (id.split(':').at(-1) ?? id)).padEnd(12);
}

function byWhom(event: WorldEvent): string {
  return event.actor.kind === 'client' ? `  by ${event.actor.name.split(' ')[0] ?? ''}` : '';
}

function textOf(event: WorldEvent): string {
  switch (event.kind) {
    case 'eviction-accepted':
      return `evicted ${event.namespace}/${event.pod} from ${event.node}`;
    case 'eviction-refused':
      return `refused to evict ${event.namespace}/${event.pod}: ${event.budgets.join(', ')}`;
    case 'pod-delete-requested':
      return `deleting ${event.namespace}/${event.pod} (grace ${event.gracePeriodSeconds} s)`;
    case 'node-cordoned':
    case 'node-uncordoned':
    case 'node-ready':
    case 'node-not-ready':
    case 'node-added':
    case 'node-removed':
      return `${event.kind.replace('-', ' ')}: ${event.node} ${event.instanceId}`;
    case 'instance-launched':
      return `launched ${event.instanceId} in ${event.group} (template version ${event.launchTemplateVersion})`;
    case 'instance-terminate-requested':
      return `terminating ${event.instanceId} of ${event.group}${event.decrement ? ', and one fewer' : ''}`;
    case 'instance-gone':
      return `gone: ${event.instanceId} of ${event.group}`;
    case 'spot-notice':
      return `spot ${event.notice}: ${event.instanceId} of ${event.group}`;
    case 'group-changed':
      return `${event.group}: ${sizes(event.before)} → ${sizes(event.after)} (${event.by})`;
    case 'stack-changed':
      return `stack ${event.stack}: ${event.status}`;
    case 'deregistered':
      return `${event.instanceId} leaves ${event.loadBalancer}`;
    case 'etcd-member-removed':
      return `member ${event.member} leaves ${event.etcd} ${event.instanceId}`;
  }
}

function sizes(group: { min: number; desired: number; max: number }): string {
  return `${group.min}/${group.desired}/${group.max}`;
}
