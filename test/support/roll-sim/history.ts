/** What happened in a run, for people who replay a seed, and as a digest that tells two runs apart. */
import { createHash, type Hash } from 'node:crypto';
import type { WorldEvent } from '../../../src/simulator/model/seams.ts';
import type { VirtualClock } from '../../../src/support/clock.ts';

export class History {
  readonly lines: string[] = [];
  replaced = 0;
  evictions = 0;
  readonly #clock: VirtualClock;
  readonly #startedAt: number;
  readonly #keeps: boolean;
  readonly #hash: Hash = createHash('sha256');

  constructor(clock: VirtualClock, keeps: boolean) {
    this.#clock = clock;
    this.#keeps = keeps;
    this.#startedAt = clock.now();
  }

  /** `1:02:03.456` since the run began. */
  time(at: number): string {
    const ms = Math.max(0, Math.floor(at - this.#startedAt));
    const two = (value: number): string => String(value).padStart(2, '0');
    const [hours, minutes, seconds] = [ms / 3_600_000, (ms / 60_000) % 60, (ms / 1000) % 60].map(Math.floor) as [
      number,
      number,
      number,
    ];
    return `${hours}:${two(minutes)}:${two(seconds)}.${String(ms % 1000).padStart(3, '0')}`;
  }

  note(text: string): void {
    this.#line('   * ', text);
  }

  journal(kind: string, message: string): void {
    this.#line('clm  ', `${kind}: ${message}`);
  }

  event(event: WorldEvent): void {
    if (event.actor.kind === 'client' && event.kind === 'instance-terminate-requested') this.replaced += 1;
    if (event.actor.kind === 'client' && event.kind === 'eviction-accepted') this.evictions += 1;
    this.#hash.update(`${event.at} ${event.kind} ${subjectOf(event)}\n`);
    if (this.#keeps) this.#line('     ', `${event.kind} ${subjectOf(event)} (${event.actor.name})`);
  }

  digest(): string {
    return this.#hash.copy().digest('hex').slice(0, 16);
  }

  #line(who: string, text: string): void {
    if (this.#keeps) this.lines.push(`${this.time(this.#clock.now()).padStart(13)} ${who}${text}`);
  }
}

function subjectOf(event: WorldEvent): string {
  switch (event.kind) {
    case 'eviction-accepted':
      return `${event.namespace}/${event.pod} on ${event.node}${event.budgets.map((one) => `, ${one.name} ${one.healthy}/${one.desiredHealthy}`).join('')}`;
    case 'eviction-refused':
      return `${event.namespace}/${event.pod} on ${event.node} by ${event.budgets.join(', ') || 'the server'}`;
    case 'pod-delete-requested':
      return `${event.namespace}/${event.pod} on ${event.node}`;
    case 'group-changed':
      return `${event.group} ${JSON.stringify(event.before)} -> ${JSON.stringify(event.after)} by ${event.by}`;
    case 'instance-launched':
    case 'instance-gone':
      return `${event.instanceId} in ${event.group}`;
    case 'instance-terminate-requested':
      return `${event.instanceId} in ${event.group}${event.decrement ? ', size given up' : ''}`;
    case 'stack-changed':
      return `${event.stack} ${event.status}`;
    case 'spot-notice':
      return `${event.instanceId} in ${event.group}: ${event.notice}`;
    case 'deregistered':
      return `${event.instanceId} from ${event.loadBalancer}`;
    case 'etcd-member-removed':
      return `${event.member} (${event.instanceId}) from ${event.etcd}`;
    default:
      return `${event.node} (${event.instanceId})`;
  }
}
