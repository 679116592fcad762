/** What a scenario may break inside of a cluster's network and add-ons, and in public DNS. */
import { z } from 'zod';
import { cluster, count, span, timing } from './schema-parts.ts';

const addonFault = z
  .enum(['off', 'broken'])
  .optional()
  .meta({ description: 'off does nothing, broken answers errors as well', remedy: 'write off or broken' });

const linkEnd = z
  .string()
  .min(1)
  .max(253)
  .meta({ description: "A node's name, a zone, outside, or *", remedy: 'write a node, a zone, outside or *' });

const nodes = (description: string) =>
  z
    .array(z.string().min(1).max(253))
    .min(1)
    .max(1000)
    .meta({ description, remedy: "write a list of nodes' names, or ['*'] for all" });

export const networkFault = z.strictObject({
  ...timing,
  ...cluster,
  kind: z.literal('network'),
  links: z
    .array(
      z.strictObject({
        from: linkEnd,
        to: linkEnd,
        lossPercent: z
          .number()
          .min(0)
          .max(100)
          .optional()
          .meta({ description: 'Messages lost, %', remedy: 'write a number from 0 to 100' }),
        latency: span('Added to each exchange, there and back together', 600_000).optional(),
        mtu: count('Larger messages vanish, bytes', 68).optional(),
      }),
    )
    .max(100)
    .optional()
    .meta({ description: 'Bad pieces of wire, in both directions' }),
  proxyDown: nodes('Nodes whose kube-proxy routes no service').optional(),
  cniDown: nodes('Nodes whose pods have no network').optional(),
  networkPolicies: z.literal('ignored').optional().meta({ description: 'The network plugin does not enforce them' }),
  metadata: z.literal('blocked').optional().meta({ description: 'Pods do not reach the instance metadata service' }),
  dnsLatency: span("By how much the cluster's DNS is late", 600_000).optional(),
  images: z
    .record(z.string().min(1), z.enum(['silent', 'refused', 'failing']))
    .optional()
    .meta({
      description: "By a part of the image's name: accepts and never answers, ports closed, or answers errors",
      remedy: 'write silent, refused or failing',
    }),
  addons: z
    .strictObject({
      'cert-manager': addonFault,
      'cluster-autoscaler': addonFault,
      'ebs-csi': addonFault,
      'external-dns': addonFault,
      ingress: addonFault,
      'load-balancer': addonFault,
      'metrics-server': addonFault,
      'node-problem-detector': addonFault,
      prometheus: addonFault,
    })
    .optional()
    .meta({ description: 'Add-ons by name' }),
  nodeProblems: z
    .record(z.string().min(1), z.array(z.string().min(1)).min(1).max(20))
    .optional()
    .meta({
      description: 'Conditions that node-problem-detector finds, by node, or * for all',
      remedy: 'write a list of conditions',
    }),
});

const dnsName = (description: string) =>
  z
    .string()
    .regex(/^(_?[a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}$/, 'this is no DNS name')
    .max(253)
    .meta({ description, remedy: 'write a name like example.org' });

export const publicRecord = z.strictObject({
  ...timing,
  kind: z.literal('public-record'),
  domain: dnsName('Public zone; it is made when there is none'),
  name: dnsName('Name of the record, in the zone'),
  type: z.enum(['A', 'CNAME', 'TXT']).meta({ description: 'Type of the record', remedy: 'write A, CNAME or TXT' }),
  values: z
    .array(z.string().min(1).max(255))
    .max(20)
    .meta({ description: 'What it says; an empty list takes the record away', remedy: 'write a list of texts' }),
  ttl: span('How long resolvers remember it, 1m unless given', 86_400_000).optional(),
});
