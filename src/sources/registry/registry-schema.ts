import { z } from 'zod';
import { providers } from '../../domain/eks.ts';
import { nearMatches } from '../../domain/near-matches.ts';

/** The registry's documents with the field names and patterns of the original registry. */

const lifecycleStatuses = ['requested', 'creating', 'ready', 'decommission-requested', 'decommissioned'] as const;

const accountId = z
  .string()
  .regex(/^aws:\d{12}$/, 'an account id is aws: and 12 digits')
  .meta({
    description: 'Infrastructure account',
    examples: ['aws:123456789012'],
    remedy: 'write for example "aws:123456789012"',
  });

const region = z
  .string()
  .regex(/^[a-z]{2}(-[a-z]+)+-\d$/, 'this is no AWS region')
  .meta({ examples: ['eu-central-1'], remedy: 'write for example eu-central-1' });

/** Any name may be one of its own, but a slip in `production` would take the protection of production away. */
const environment = z
  .string()
  .regex(/^[a-z][a-z0-9-]*$/, 'an environment is lower case letters, digits and -')
  .max(63, 'an environment has at most 63 characters')
  .refine((text) => text === 'production' || nearMatches(text, ['production']).length === 0, {
    error: 'this looks like production, and only the exact word protects a cluster as such',
  })
  .meta({
    description: 'production, test, or a name of your own, which is treated as test is',
    examples: ['production', 'test'],
    remedy: 'write production, test, or another name',
  });

const configItems = z
  .record(
    z.string().regex(/^[a-z][a-z0-9_]*[a-z0-9]$/, 'names of config items are lower case letters, digits and _'),
    z.string({ error: 'a config item is a text' }).meta({ remedy: 'put the value in quotes' }),
  )
  .meta({ description: 'Texts that templates read; they override the defaults of the channel configuration' });

const name = (what: string) =>
  z
    .string()
    .regex(/^[a-z][a-z0-9-]*[a-z0-9]$/, `${what} is lower case letters, digits and -`)
    .max(63, `${what} has at most 63 characters`)
    .meta({ remedy: 'write a name like default-worker' });

const size = (description: string) =>
  z
    .int({ error: 'a number of nodes is a whole number' })
    .min(0, 'a number of nodes is not negative')
    .max(5_000, 'a pool has at most 5000 nodes')
    .meta({
      description,
      remedy: 'write a whole number from 0 to 5000',
    });

export const nodePoolSchema = z
  .strictObject({
    name: name('a pool name'),
    profile: name('a profile').meta({ description: 'Directory below node-pools/ of the channel configuration' }),
    instance_types: z
      .array(z.string().regex(/^[a-z0-9-]+(\.[a-z0-9-]+)?$/, 'this is no instance type'))
      .min(1, 'a pool needs at least one instance type')
      .max(40, 'a pool has at most 40 instance types')
      .meta({ remedy: 'write a list like [m5.large]' }),
    discount_strategy: z.enum(['none', 'spot', 'spot_max_price']).default('none'),
    min_size: size('Fewest nodes'),
    max_size: size('Most nodes; a roll may go above it by its surge'),
    config_items: configItems.default({}),
  })
  .meta({ description: 'A group of nodes built from one profile' });

/** What the original's file registry and API carry beside what is used here. */
const status = z.looseObject({}).nullable().optional().meta({ description: 'Written by the original; not read' });

export const clusterSchema = z
  .strictObject({
    id: z
      .string()
      .regex(/^[a-z][a-z0-9-:]*[a-z0-9]$/, 'a cluster id is lower case letters, digits, - and :')
      .regex(/^aws:\d{12}:[a-z0-9-]+:[a-z0-9-]+$/, 'a cluster id is aws:<account>:<region>:<local id>')
      .meta({
        examples: ['aws:123456789012:eu-central-1:kube-1'],
        remedy: 'write for example "aws:123456789012:eu-central-1:kube-1"',
      }),
    alias: name('an alias'),
    local_id: name('a local id').meta({ description: 'Unique in its account and region; names the cluster stack' }),
    infrastructure_account: accountId,
    region,
    provider: z.enum(Object.keys(providers) as (keyof typeof providers)[]),
    api_server_url: z
      .url({ protocol: /^https?$/, error: 'this is no URL' })
      .meta({ examples: ['https://kube-1.example.org'], remedy: 'write for example https://kube-1.example.org' }),
    channel: z
      .string()
      .regex(/^[A-Za-z0-9][A-Za-z0-9._/-]*$/, 'this is no channel name')
      .meta({ remedy: 'write the name of a channel of pipeline.yaml' }),
    environment,
    criticality_level: z
      .int()
      .min(1)
      .max(3)
      .meta({ description: '1 non-critical, 2 standard, 3 strictest', remedy: 'write 1, 2 or 3' }),
    lifecycle_status: z.enum(lifecycleStatuses),
    config_items: configItems.default({}),
    node_pools: z.array(nodePoolSchema).max(100, 'a cluster has at most 100 pools').default([]),
    owner: z.string().optional(),
    account_name: z.string().optional(),
    cost_center: z.string().optional(),
    created_at: z.string().optional(),
    status,
  })
  .meta({ title: 'Cluster', description: 'One cluster of the registry' });

/** The original's file registry: all clusters in one file. */
export const clusterListSchema = z.strictObject({ clusters: z.array(clusterSchema).max(5_000) });

export const infrastructureAccountSchema = z.strictObject({
  id: accountId,
  type: z.enum(['aws']).default('aws'),
  name: z.string().min(1, 'an account has a name'),
  owner: z.string().min(1, 'an account has an owner'),
  cost_center: z.string().default(''),
  environment: z.enum(['production', 'test']),
  criticality_level: z.int().min(1).max(3).default(2).meta({ remedy: 'write 1, 2 or 3' }),
  external_id: z.string().default(''),
  lifecycle_status: z.enum(['requested', 'creating', 'ready', 'decommissioned']),
  assume_role_arn: z
    .string()
    .regex(/^arn:aws[a-z-]*:iam::\d{12}:role\/[\w+=,.@/-]+$/, 'this is no ARN of a role')
    .optional()
    .meta({
      description: 'Role that the daemon assumes; its own credentials are used when it is absent',
      remedy: 'write arn:aws:iam::<account>:role/<name>',
    }),
});

export const infrastructureAccountsSchema = z
  .strictObject({ infrastructure_accounts: z.array(infrastructureAccountSchema).max(5_000) })
  .meta({ title: 'Infrastructure accounts' });

export type ClusterDocument = z.output<typeof clusterSchema>;
export type InfrastructureAccountDocument = z.output<typeof infrastructureAccountSchema>;
