import type { Random } from '../../../support/random.ts';
import { type FaultCount, type FaultWindow, isOpen, matchesName, strikes } from '../fault-window.ts';
import { AwsError, type AwsRequest, type AwsService } from './aws-request.ts';

export interface AwsFaultRule extends FaultWindow {
  kind:
    | 'throttle'
    | 'server-error'
    /** The connection breaks before the call took effect. */
    | 'lost-before'
    /** The call takes effect; its reply never arrives. */
    | 'lost-after'
    /** The peer resets the connection before it reads the call. */
    | 'reset'
    | 'latency'
    /** Describes see each object as it was at some moment up to `staleMs` ago. */
    | 'stale'
    /** The call is refused with `code` and `message`. */
    | 'refuse';
  service?: AwsService;
  /** One action, or a prefix with `*` at its end. */
  action?: string;
  /** Calls that change something alone. */
  changesOnly?: boolean;
  account?: string;
  region?: string;
  /** Calls that name this thing (a group, a stack, an instance) in any of their parameters; a `*` at the end as in `action`. */
  name?: string;
  latencyMs?: number;
  staleMs?: number;
  code?: string;
  message?: string;
  status?: number;
}

/** A zone that has no capacity. */
export interface CapacityFault {
  zone: string;
  account?: string;
  instanceType?: string;
  /** Instances that still fit before it bites, 0 by default. */
  remaining?: number;
  from?: number;
  until?: number;
}

/** A resource of a stack that fails. */
export interface StackFault {
  account?: string;
  region?: string;
  /** Name; a `*` at its end stands for anything. */
  stack?: string;
  logicalId?: string;
  phase: 'create' | 'update' | 'rollback' | 'delete';
  reason?: string;
  times?: number;
}

export interface FaultDecision {
  before?: AwsError | 'lost' | 'reset';
  lostAfter: boolean;
  latencyMs: number;
  staleMs: number;
}

/** What goes wrong in the cloud, and when. Rules may be added and removed while the world runs. */
export class AwsFaults {
  #rules = new Map<string, AwsFaultRule & FaultCount>();
  #capacity = new Map<string, CapacityFault & { left: number }>();
  #stacks = new Map<string, StackFault & { hits: number }>();
  #counter = 0;
  readonly #random: Random;

  /** Images whose kubelet never becomes Ready. */
  readonly badImages = new Set<string>();

  constructor(random: Random) {
    this.#random = random;
  }

  add(rule: AwsFaultRule): string {
    const id = `aws-fault-${++this.#counter}`;
    this.#rules.set(id, { ...rule, seen: 0, hits: 0 });
    return id;
  }

  /** Takes away the capacity of a zone: launches there answer InsufficientInstanceCapacity. */
  addCapacity(fault: CapacityFault): string {
    const id = `capacity-fault-${++this.#counter}`;
    this.#capacity.set(id, { ...fault, left: fault.remaining ?? 0 });
    return id;
  }

  /** Makes a resource of a stack fail. */
  addStack(fault: StackFault): string {
    const id = `stack-fault-${++this.#counter}`;
    this.#stacks.set(id, { ...fault, hits: 0 });
    return id;
  }

  /** Why this resource fails now, if it does. */
  stackFault(
    place: { account: string; region: string },
    stack: string,
    logicalId: string,
    phase: string,
  ): string | undefined {
    for (const fault of this.#stacks.values()) {
      if ((fault.account ?? place.account) !== place.account || (fault.region ?? place.region) !== place.region)
        continue;
      if (fault.stack !== undefined && !matchesName(fault.stack, stack)) continue;
      if (fault.logicalId !== undefined && fault.logicalId !== logicalId) continue;
      if (fault.phase !== phase || fault.hits >= (fault.times ?? Infinity)) continue;
      fault.hits += 1;
      return fault.reason ?? 'Resource handler returned message: "internal failure"';
    }
    return undefined;
  }

  remove(id: string): void {
    this.#rules.delete(id);
    this.#capacity.delete(id);
    this.#stacks.delete(id);
  }

  clear(): void {
    this.#rules.clear();
    this.#capacity.clear();
    this.#stacks.clear();
    this.badImages.clear();
  }

  list(): { id: string; rule: AwsFaultRule | CapacityFault | StackFault; hits: number }[] {
    return [
      ...[...this.#rules].map(([id, rule]) => ({ id, rule, hits: rule.hits })),
      ...[...this.#capacity].map(([id, rule]) => ({ id, rule, hits: (rule.remaining ?? 0) - rule.left })),
      ...[...this.#stacks].map(([id, rule]) => ({ id, rule, hits: rule.hits })),
    ];
  }

  /** True when an instance can be had; counts it against what is left. */
  takeCapacity(at: number, account: string, zone: string, instanceType: string): boolean {
    for (const fault of this.#capacity.values()) {
      if (fault.zone !== zone) continue;
      if (fault.account !== undefined && fault.account !== account) continue;
      if (fault.instanceType !== undefined && fault.instanceType !== instanceType) continue;
      if (at < (fault.from ?? -Infinity) || at >= (fault.until ?? Infinity)) continue;
      if (fault.left <= 0) return false;
      fault.left -= 1;
    }
    return true;
  }

  decide(request: AwsRequest, at: number): FaultDecision {
    const decision: FaultDecision = { lostAfter: false, latencyMs: 0, staleMs: 0 };
    for (const rule of this.#rules.values()) {
      if (!isOpen(rule, at) || !matches(rule, request) || !strikes(rule, rule, this.#random)) continue;
      applyRule(rule, request.service, decision);
    }
    return decision;
  }

  /** How old describes of this account and region may be at the moment; 0 when none is stale. */
  stalenessOf(account: string, region: string, at: number): number {
    let most = 0;
    for (const rule of this.#rules.values()) {
      if (rule.kind !== 'stale' || !isOpen(rule, at)) continue;
      if ((rule.account ?? account) !== account || (rule.region ?? region) !== region) continue;
      most = Math.max(most, rule.staleMs ?? longestStaleMs);
    }
    return most;
  }
}

const longestStaleMs = 30_000;

function matches(rule: AwsFaultRule, request: AwsRequest): boolean {
  if (rule.service !== undefined && rule.service !== request.service) return false;
  if (rule.account !== undefined && rule.account !== request.account) return false;
  if (rule.region !== undefined && rule.region !== request.region) return false;
  if (rule.name !== undefined && !names(rule.name, request.params)) return false;
  if (rule.kind === 'stale' && !isDescribe(request.action)) return false;
  if (rule.changesOnly === true && isDescribe(request.action)) return false;
  return rule.action === undefined || matchesName(rule.action, request.action);
}

/** Whether the action only reads. */
export function isDescribe(action: string): boolean {
  return /^(Describe|List|Get)/.test(action);
}

function names(pattern: string, value: unknown, depth = 0): boolean {
  if (typeof value === 'string') return matchesName(pattern, value);
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array || depth > 6) return false;
  return Object.values(value).some((each) => names(pattern, each, depth + 1));
}

function applyRule(rule: AwsFaultRule, service: AwsService, decision: FaultDecision): void {
  switch (rule.kind) {
    case 'throttle':
      decision.before ??= throttled(service);
      return;
    case 'server-error':
      decision.before ??= new AwsError(
        service === 'ec2' ? 'InternalError' : 'InternalFailure',
        rule.message ?? 'An internal error has occurred',
        rule.status ?? 500,
      );
      return;
    case 'refuse':
      decision.before ??= new AwsError(rule.code ?? 'AccessDenied', rule.message ?? 'Refused', rule.status ?? 400);
      return;
    case 'lost-before':
      decision.before ??= 'lost';
      return;
    case 'reset':
      decision.before ??= 'reset';
      return;
    case 'lost-after':
      decision.lostAfter = true;
      return;
    case 'latency':
      decision.latencyMs += rule.latencyMs ?? 1000;
      return;
    case 'stale':
      decision.staleMs = Math.max(decision.staleMs, rule.staleMs ?? longestStaleMs);
      return;
  }
}

/** What each service says when its bucket is empty. */
export function throttled(service: AwsService): AwsError {
  if (service === 'ec2') return new AwsError('RequestLimitExceeded', 'Request limit exceeded.', 503);
  if (service === 's3') return new AwsError('SlowDown', 'Please reduce your request rate.', 503);
  if (service === 'kms') return new AwsError('ThrottlingException', 'Rate exceeded', 400);
  if (service === 'eks') return new AwsError('ThrottlingException', 'Rate exceeded', 429);
  return new AwsError('Throttling', 'Rate exceeded', 400);
}

export interface ThrottleLimit {
  /** Calls a simulated second that refill the bucket. */
  perSecond: number;
  burst: number;
}

export const defaultThrottle: ThrottleLimit = { perSecond: 200, burst: 2000 };

/** EC2 meters each API by itself: reads, reads of everything, and writes. */
const ec2Limits = {
  read: { perSecond: 20, burst: 100 },
  readAll: { perSecond: 10, burst: 50 },
  write: { perSecond: 5, burst: 50 },
} as const;

/** What a call is metered by: all calls of a service in a region share a bucket, but for EC2, where every API has its own. */
function meterOf(request: AwsRequest, limits: ThrottleBuckets['limits']): { bucket: string; limit: ThrottleLimit } {
  const own = limits[request.service];
  if (own) return { bucket: request.service, limit: own };
  if (request.service !== 'ec2') return { bucket: request.service, limit: defaultThrottle };
  const { params } = request;
  const narrow = Object.keys(params).some((key) => key === 'Filters' || key === 'MaxResults' || key.endsWith('Ids'));
  const kind = isDescribe(request.action) ? (narrow ? 'read' : 'readAll') : 'write';
  return { bucket: `ec2/${request.action}/${kind}`, limit: ec2Limits[kind] };
}

/** Token buckets by account, region and API, refilled with simulated time. */
export class ThrottleBuckets {
  #buckets = new Map<string, { tokens: number; at: number }>();
  /** One bucket for the whole service, instead of what it has by itself. */
  limits: Partial<Record<AwsService, ThrottleLimit>> = {};

  take(request: AwsRequest, at: number): boolean {
    const { bucket: name, limit } = meterOf(request, this.limits);
    const key = `${request.account}/${request.region}/${name}`;
    const bucket = this.#buckets.get(key);
    if (bucket === undefined) {
      this.#buckets.set(key, { tokens: limit.burst - 1, at });
      return limit.burst >= 1;
    }
    bucket.tokens = Math.min(limit.burst, bucket.tokens + ((at - bucket.at) / 1000) * limit.perSecond);
    bucket.at = at;
    if (bucket.tokens < 1) return false;
    bucket.tokens -= 1;
    return true;
  }
}
