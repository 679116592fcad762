/** A scenario file: what goes wrong in a simulated fleet, where and when. */
import { z } from 'zod';
import { parseDuration } from '../../support/duration.ts';

const day = 86_400_000;

function span(description: string, most = 30 * day) {
  const remedy = 'write a span of time like 30s, 5m or 1h30m';
  return z
    .string({ error: 'a span of time is a text like 5m' })
    .meta({ description, examples: ['5m'], remedy })
    .transform((text, context) => {
      const ms = parseDuration(text);
      if (ms === undefined || ms > most) {
        const message = `${JSON.stringify(text)} is ${ms === undefined ? 'not a span of time' : 'too long'}`;
        context.issues.push({ code: 'custom', message, input: text });
        return z.NEVER;
      }
      return ms;
    });
}

const clusterId = z
  .string()
  .regex(/^aws:\d{12}:[a-z]{2}(-[a-z]+)+-\d:[a-z0-9-]+$/, 'this is no cluster id')
  .meta({ description: 'Id of a cluster', remedy: 'write an id like aws:123456789012:eu-central-1:kube-1' });
const account = z
  .string({ error: 'an account is a text of 12 digits: put it in quotes' })
  .regex(/^\d{12}$/, 'an account has 12 digits')
  .meta({ description: 'AWS account', remedy: 'write 12 digits in quotes' });
const region = z
  .string()
  .regex(/^[a-z]{2}(-[a-z]+)+-\d$/, 'this is no region')
  .meta({ description: 'AWS region', remedy: 'write a region like eu-central-1' });
const zone = z
  .string()
  .regex(/^[a-z]{2}(-[a-z]+)+-\d[a-z]$/, 'this is no availability zone')
  .meta({ description: 'Availability zone', remedy: 'write a zone like eu-central-1a' });
const name = z
  .string()
  .min(1)
  .max(255)
  .meta({ description: 'Name of the thing; a * at its end stands for anything', remedy: 'write a name' });
const namespace = z.string().min(1).max(63).meta({ description: 'Kubernetes namespace', remedy: 'write a namespace' });
const count = (description: string, least = 1) =>
  z
    .int()
    .min(least)
    .max(1_000_000)
    .meta({ description, remedy: `write a whole number from ${least}` });

/** When a fault acts; without any of it from the beginning, for ever. */
const timing = {
  title: z.string().max(200).optional().meta({ description: 'For people' }),
  at: span('When it begins, counted from the moment at which the scenario starts').optional(),
  for: span('How long it lasts; to the end unless given').optional(),
  every: span('It begins again after this long; needs `for`').optional(),
};

export const callKinds = [
  'throttle',
  'server-error',
  'lost-before',
  'lost-after',
  'reset',
  'latency',
  'stale-reads',
] as const;

const apiPattern =
  /^(autoscaling|ec2|elasticloadbalancing|elasticloadbalancingv2|cloudformation|sts|s3|kms|eks|kubernetes)(:[A-Za-z*]+)?$/;

const callFault = z.strictObject({
  ...timing,
  kind: z.enum(callKinds).meta({
    description:
      'throttle: refused for its rate. server-error: 5xx. lost-before, lost-after: no answer, before or after the effect. ' +
      'reset: the connection is reset. latency: late. stale-reads: reads see the past',
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

const cluster = { cluster: clusterId };

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
      .enum(['endpoint-slices', 'scheduler', 'workloads'])
      .meta({ description: 'The controller that stands still' }),
  }),
  z.strictObject({
    ...timing,
    ...cluster,
    kind: z.literal('budget-lag'),
    lag: span('By how much the status of budgets is late', 600_000),
  }),
  z.strictObject({ ...timing, ...cluster, kind: z.literal('budget-conflicts') }),
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

/** Reads one fault as the control endpoint gets it: a scenario of its own, or everything that is wrong with it. */
export function readFault(value: unknown): { fault: Fault } | { problems: { path: string; message: string }[] } {
  const read = faultSchema.safeParse(value);
  if (read.success) return { fault: read.data };
  return { problems: read.error.issues.map((issue) => ({ path: issue.path.join('.'), message: issue.message })) };
}
