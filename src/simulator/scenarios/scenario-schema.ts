/** A scenario file: what goes wrong in a simulated fleet, where and when. */
import { z } from 'zod';
import { networkFault, publicRecord } from './network-schema.ts';
import {
  account,
  cluster,
  clusterId,
  count,
  day,
  name,
  namespace,
  region,
  span,
  timing,
  zone,
} from './schema-parts.ts';

export const callKinds = [
  'throttle',
  'server-error',
  'lost-before',
  'lost-after',
  'reset',
  'latency',
  'stale-reads',
  'scaling-activity-in-progress',
  'resource-contention',
] as const;

const apiPattern =
  /^(autoscaling|ec2|elasticloadbalancing|elasticloadbalancingv2|cloudformation|sts|s3|kms|eks|kubernetes)(:[A-Za-z*]+)?$/;

const callFault = z.strictObject({
  ...timing,
  kind: z.enum(callKinds).meta({
    description:
      'throttle: refused for its rate. server-error: 5xx. lost-before, lost-after: no answer, before or after the effect. ' +
      'reset: the connection is reset. latency: late. stale-reads: reads see the past. scaling-activity-in-progress, ' +
      'resource-contention: changes of Auto Scaling are refused with that fault',
  }),
  api: z
    .string()
    .regex(apiPattern, 'this is no API')
    .optional()
    .meta({
      description: 'Which calls: a service, and an action or verb behind a colon; all calls unless given',
      examples: ['autoscaling:Describe*', 'kubernetes:create'],
      remedy: 'write a service like autoscaling, one action like autoscaling:LaunchInstances, or kubernetes:list',
    }),
  account: account.optional(),
  region: region.optional(),
  cluster: clusterId.optional(),
  resource: z
    .string()
    .max(100)
    .optional()
    .meta({ description: 'Kubernetes: plural and subresource', examples: ['pods/eviction'] }),
  namespace: namespace.optional(),
  name: name.optional(),
  probability: z
    .number()
    .gt(0, 'a probability is above 0')
    .max(1, 'a probability is 1 at most')
    .optional()
    .meta({ description: 'Share of the calls that are hit', remedy: 'write a number from 0 to 1' }),
  afterCalls: count('Calls let through before it begins', 0).optional(),
  times: count('How many calls it hits before it is spent').optional(),
  latency: span('latency: by how much an answer is late', 600_000).optional(),
  staleness: span('stale-reads: how old an answer may be', 30_000).optional(),
  status: z
    .int()
    .min(500)
    .max(599)
    .optional()
    .meta({ description: 'server-error: HTTP status', remedy: 'write a status like 503' }),
});

const worldFaults = [
  z.strictObject({
    ...timing,
    kind: z.literal('no-capacity'),
    zone,
    account: account.optional(),
    instanceType: z.string().optional().meta({ description: 'Of this type only' }),
    remaining: count('Instances that can still be had', 0).optional(),
  }),
  z.strictObject({
    ...timing,
    kind: z.literal('bad-image'),
    image: z
      .string()
      .regex(/^ami-([0-9a-f]{8}|[0-9a-f]{17})$/, 'this is no image id')
      .meta({
        description: 'Nodes of this image never become Ready',
        remedy: 'write an id like ami-0123456789abcdef0',
      }),
  }),
  z.strictObject({
    ...timing,
    kind: z.literal('stack-failure'),
    account: account.optional(),
    region: region.optional(),
    stack: name,
    resource: z.string().max(255).optional().meta({ description: 'Logical id; any resource unless given' }),
    phase: z
      .enum(['create', 'update', 'rollback', 'delete'])
      .meta({ description: 'In which operation a resource of the stack fails' }),
    reason: z.string().max(1_000).optional().meta({ description: 'What the event says' }),
    times: count('How many resources fail before it is spent').optional(),
  }),
  z.strictObject({
    ...timing,
    kind: z.literal('rate-limit'),
    service: z
      .enum([
        'autoscaling',
        'ec2',
        'elasticloadbalancing',
        'elasticloadbalancingv2',
        'cloudformation',
        'sts',
        's3',
        'kms',
        'eks',
      ])
      .meta({ description: 'All of its calls in an account and region share one bucket' }),
    perSecond: count('Calls a second that refill the bucket'),
    burst: count('Calls that it holds'),
  }),
  z.strictObject({
    ...timing,
    kind: z.literal('spot-interruption'),
    account: account.optional(),
    region: region.optional(),
    zone: zone.optional(),
    group: z.string().optional().meta({ description: 'Auto Scaling group' }),
    most: count('At most this many instances').optional(),
  }),
  z.strictObject({
    ...timing,
    ...cluster,
    kind: z.literal('flapping-kubelet'),
    name: name.optional(),
    most: count('At most this many nodes, 1 unless given').optional(),
  }),
  z.strictObject({ ...timing, ...cluster, kind: z.literal('budget-never-allows'), namespace: namespace.optional() }),
  z.strictObject({
    ...timing,
    kind: z.literal('registry-overload'),
    cluster: clusterId
      .optional()
      .meta({ description: 'Its pulls alone are refused; without it the registry is slow for all' }),
    mostPulls: count('Pulls at once; more are refused. 20 unless given').optional(),
    mebibytesPerSecond: count('What all pulls get together. 50 unless given').optional(),
  }),
  z.strictObject({ ...timing, ...cluster, kind: z.literal('api-needs-master') }),
  z.strictObject({
    ...timing,
    ...cluster,
    kind: z.literal('api-down'),
    how: z
      .enum(['refused', 'error'])
      .optional()
      .meta({ description: 'Connections are cut (refused), or every call answers 503 (error)' }),
  }),
  z.strictObject({
    ...timing,
    ...cluster,
    kind: z.literal('broken-component'),
    component: z
      .enum(['audit-log', 'endpoint-slices', 'scheduler', 'workloads'])
      .meta({ description: 'The part that stands still: the audit log of the API server, or a controller' }),
  }),
  z.strictObject({
    ...timing,
    ...cluster,
    kind: z.literal('budget-lag'),
    lag: span('By how much the status of budgets is late', 600_000),
  }),
  z.strictObject({ ...timing, ...cluster, kind: z.literal('budget-conflicts') }),
  networkFault,
  publicRecord,
  z.strictObject({
    ...timing,
    kind: z.literal('clock-skew'),
    skew: span('How far the clocks of AWS are ahead of those of the clients', day),
    behind: z.boolean().optional().meta({ description: 'They are behind instead' }),
  }),
] as const;

const faultSchema = z
  .discriminatedUnion('kind', [callFault, ...worldFaults])
  .superRefine((fault, context) => {
    const wrong = (path: string, message: string): void => {
      context.addIssue({ code: 'custom', path: [path], message });
    };
    if (fault.every !== undefined && fault.for === undefined)
      wrong('every', 'every needs for: how long it lasts each time');
    if (fault.every !== undefined && fault.for !== undefined && fault.for >= fault.every)
      wrong('for', 'it lasts as long as its period or longer: it would never pause');
    if (!isCallFault(fault)) return;
    const kubernetes = fault.api?.startsWith('kubernetes') === true;
    if (isScalingFault(fault) && fault.api !== undefined && !/^autoscaling\b/.test(fault.api))
      wrong('api', `kind ${fault.kind} is for api: autoscaling alone`);
    if ((fault.resource ?? fault.namespace) !== undefined && !kubernetes)
      wrong(fault.resource === undefined ? 'namespace' : 'resource', 'this is for api: kubernetes alone');
    if (kubernetes && (fault.account ?? fault.region) !== undefined)
      wrong(
        fault.account === undefined ? 'region' : 'account',
        'api: kubernetes is chosen by cluster, not by account or region',
      );
    if (fault.latency !== undefined && fault.kind !== 'latency')
      wrong('latency', `kind ${fault.kind} takes no latency`);
    if (fault.staleness !== undefined && fault.kind !== 'stale-reads')
      wrong('staleness', `kind ${fault.kind} takes no staleness`);
    if (fault.status !== undefined && fault.kind !== 'server-error')
      wrong('status', `kind ${fault.kind} takes no status`);
  })
  .meta({ description: 'One thing that goes wrong' });

export const scenarioSchema = z
  .strictObject({
    description: z.string().max(2_000).optional().meta({ description: 'For people' }),
    faults: z.array(faultSchema).min(1, 'a scenario has at least one fault').max(500),
  })
  .meta({ title: 'Scenario', description: 'What goes wrong in a simulated fleet, where and when' });

export type Scenario = z.output<typeof scenarioSchema>;
export type Fault = Scenario['faults'][number];
export type CallFault = z.output<typeof callFault>;

export function isCallFault(fault: Fault): fault is CallFault {
  return callKinds.some((kind) => kind === fault.kind);
}

/** Refusals that Auto Scaling alone knows. */
export function isScalingFault({ kind }: CallFault): boolean {
  return kind === 'scaling-activity-in-progress' || kind === 'resource-contention';
}

/** Reads one fault as the control endpoint gets it: a scenario of its own, or everything that is wrong with it. */
export function readFault(value: unknown): { fault: Fault } | { problems: { path: string; message: string }[] } {
  const read = faultSchema.safeParse(value);
  if (read.success) return { fault: read.data };
  return { problems: read.error.issues.map((issue) => ({ path: issue.path.join('.'), message: issue.message })) };
}
