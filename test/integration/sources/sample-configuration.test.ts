import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { accountsText, clusterText, sampleAccounts, sampleClusters } from '../../../scripts/generate-fleet.ts';
import { schemaTexts } from '../../../scripts/generate-schemas.ts';
import type { Cluster } from '../../../src/domain/cluster.ts';
import { isControlPlane } from '../../../src/domain/cluster.ts';
import { describeProblem } from '../../../src/domain/problem.ts';
import type { RenderedCluster } from '../../../src/domain/rendered.ts';
import type { RegistryView } from '../../../src/ports/channel-source.ts';
import { createRenderer } from '../../../src/rendering/renderer.ts';
import { parsePipeline } from '../../../src/sources/pipeline/parse-pipeline.ts';
import { openDirectoryRegistry } from '../../../src/sources/registry/directory-registry.ts';
import { clusterSchema } from '../../../src/sources/registry/registry-schema.ts';
import { sampleCluster } from '../../support/sample-cluster.ts';
import { shippedConfiguration, treeOf } from '../../support/shipped-configuration.ts';

const project = join(import.meta.dirname, '../../..');

const tree = shippedConfiguration();
const rendered = new Map<string, { cluster: Cluster; result: RenderedCluster }>();
let registry: RegistryView;

beforeAll(async () => {
  registry = await openDirectoryRegistry({ directory: project }).read();
  const renderer = createRenderer();
  for (const cluster of registry.clusters) {
    const outcome = renderer.render({ cluster, tree, commit: 'sample' });
    if (!outcome.ok) throw new Error(outcome.problems.map(describeProblem).join('\n'));
    rendered.set(cluster.id, { cluster, result: outcome.rendered });
  }
});

describe('the sample fleet', () => {
  it('is what its generator writes', () => {
    const accounts = sampleAccounts();
    expect(readFileSync(join(project, 'registry/infrastructure-accounts.yaml'), 'utf8')).toBe(accountsText(accounts));
    const expected = new Map(
      sampleClusters(accounts).map((cluster) => [`${cluster.alias}.yaml`, clusterText(cluster)]),
    );
    expect(readdirSync(join(project, 'clusters')).sort()).toEqual([...expected.keys()].sort());
    for (const [name, text] of expected) expect(readFileSync(join(project, 'clusters', name), 'utf8')).toBe(text);
  });

  it('has 84 clusters over the four channels, on 20 accounts, with control planes of three and more than 1,010 nodes', () => {
    const counts: Record<string, number> = {};
    for (const { channel } of registry.clusters) counts[channel] = (counts[channel] ?? 0) + 1;
    expect(counts).toEqual({ dev: 1, alpha: 3, beta: 10, stable: 70 });
    expect(registry.accounts).toHaveLength(20);
    for (const cluster of registry.clusters) {
      expect(cluster.nodePools.filter(isControlPlane).map((pool) => pool.minSize)).toEqual([3]);
      const workers = cluster.nodePools.filter((pool) => !isControlPlane(pool)).length;
      expect(workers).toBeGreaterThanOrEqual(2);
      expect(workers).toBeLessThanOrEqual(4);
    }
    const nodes = registry.clusters
      .flatMap((cluster) => cluster.nodePools)
      .reduce((sum, pool) => sum + pool.minSize, 0);
    expect(nodes).toBeGreaterThanOrEqual(1_010);
  });

  it('shares no stack name within an account and region', () => {
    const names = [...rendered.values()].flatMap(({ cluster, result }) =>
      result.stacks.map((stack) => `${cluster.infrastructureAccount}/${cluster.region}/${stack.name}`),
    );
    expect(new Set(names).size).toBe(names.length);
  });
});

describe('the sample channel configuration', () => {
  it('has clusters on every channel of both pipelines, and on no other', () => {
    const used = [...new Set(registry.clusters.map((cluster) => cluster.channel))].sort();
    for (const name of ['pipeline.yaml', 'pipeline.demo.yaml']) {
      const result = parsePipeline(name, readFileSync(join(project, 'channels', name), 'utf8'));
      expect(result.ok ? [] : result.problems.map(describeProblem)).toEqual([]);
      expect(result.ok && result.pipeline.channels.map((channel) => channel.name).sort()).toEqual(used);
    }
    expect(registry.problems.map(describeProblem)).toEqual([]);
  });

  it('keeps the demo’s soaks to minutes and its parallelism to 1, 3, 5 and 20', () => {
    const result = parsePipeline('demo', readFileSync(join(project, 'channels/pipeline.demo.yaml'), 'utf8'));
    const channels = result.ok ? result.pipeline.channels : [];
    expect(channels.map((channel) => channel.maxParallel)).toEqual([1, 3, 5, 20]);
    for (const channel of channels) {
      expect(channel.soakMs).toBeGreaterThanOrEqual(60_000);
      expect(channel.soakMs).toBeLessThanOrEqual(180_000);
      expect(channel.blockLimitMs).toBe(900_000);
    }
  });

  it('imports only what the cluster’s own stack exports', () => {
    for (const { result } of rendered.values()) {
      const clusterStack = result.stacks.find((stack) => stack.kind === 'cluster');
      const pools = result.stacks.filter((stack) => stack.kind === 'node-pool');
      const exported = new Set(
        [...(clusterStack?.template ?? '').matchAll(/Export: \{Name: "([^"]+)"\}/g)].map((match) => match[1]),
      );
      const imported = pools.flatMap((stack) =>
        [...stack.template.matchAll(/!ImportValue "([^"]+)"/g)].map((match) => match[1]),
      );
      expect(imported.length).toBeGreaterThan(pools.length);
      for (const name of imported) expect(exported).toContain(name);
    }
  });

  it('keeps etcd apart: first, in a stack of its own name, on three instances that are no nodes', () => {
    for (const { cluster, result } of rendered.values()) {
      const [etcd] = result.stacks;
      expect(etcd).toMatchObject({ kind: 'etcd', name: `etcd-${cluster.localId}` });
      expect([...(etcd?.template ?? '').matchAll(/Type: AWS::AutoScaling::AutoScalingGroup/g)]).toHaveLength(3);
      const tag = `- Key: "kubernetes.io/cluster/${cluster.id}"\n          Value: owned\n          PropagateAtLaunch: false`;
      expect((etcd?.template ?? '').split(tag)).toHaveLength(4);
    }
  });

  it('puts every cluster behind its two load balancers', () => {
    for (const { cluster, result } of rendered.values()) {
      const templates = result.stacks.filter((stack) => stack.kind === 'node-pool').map((stack) => stack.template);
      expect(
        templates.filter((template) => template.includes(`${cluster.localId}:api-server-target-group`)),
        cluster.alias,
      ).toHaveLength(1);
      expect(
        templates.filter((template) => template.includes(`${cluster.localId}:ingress-target-group`)),
        cluster.alias,
      ).toHaveLength(1);
    }
  });

  it('fits the limits of the cloud: templates of 51,200 bytes, user data of 16 KiB, names of load balancers of 32', () => {
    for (const { result } of rendered.values()) {
      for (const stack of result.stacks) {
        expect(Buffer.byteLength(stack.template)).toBeLessThan(51_200);
        const userData = /UserData: "([^"]+)"/.exec(stack.template)?.[1];
        if (userData !== undefined) expect(Buffer.from(userData, 'base64').length).toBeLessThan(16_384);
        for (const [, name] of stack.template.matchAll(/^ {6}Name: "?([^"\n]+)/gm))
          expect((name as string).length).toBeLessThanOrEqual(32);
      }
    }
  });

  it('replaces every node of the fleet when one line changes', () => {
    const renderer = createRenderer();
    for (const [line, other] of [
      [/^node_image: .*$/m, 'node_image: "ami-0123456789abcdef0"'],
      [/^kubernetes_version: .*$/m, 'kubernetes_version: "v1.34.4"'],
    ] as const) {
      const changed = new Map(tree).set(
        'config-defaults.yaml',
        (tree.get('config-defaults.yaml') as string).replace(line, other),
      );
      for (const { cluster, result } of rendered.values()) {
        const outcome = renderer.render({ cluster, tree: changed, commit: 'next' });
        const after = outcome.ok ? outcome.rendered.pools : [];
        expect(after.map((pool) => pool.name)).toEqual(result.pools.map((pool) => pool.name));
        after.forEach((pool, i) => {
          expect(pool.digest).not.toBe(result.pools[i]?.digest);
        });
      }
    }
  });

  it('touches no node when a manifest changes', () => {
    const path = 'manifests/metrics-server/deployment.yaml';
    const changed = new Map(tree).set(path, (tree.get(path) as string).replace('replicas: 1', 'replicas: 2'));
    const renderer = createRenderer();
    for (const { cluster, result } of rendered.values()) {
      const outcome = renderer.render({ cluster, tree: changed, commit: 'next' });
      if (!outcome.ok) throw new Error(outcome.problems.map(describeProblem).join('\n'));
      expect(outcome.rendered.pools).toEqual(result.pools);
      expect(outcome.rendered.stacks).toEqual(result.stacks);
      expect(
        outcome.rendered.components
          .filter((unit, i) => unit.digest !== result.components[i]?.digest)
          .map((unit) => unit.name),
      ).toEqual(['metrics-server']);
    }
  });

  it('has eight to ten components, three daemonsets, and budgets that let a node go', () => {
    for (const { cluster, result } of rendered.values()) {
      expect(result.components.length).toBeGreaterThanOrEqual(8);
      expect(result.components.length).toBeLessThanOrEqual(10);
      const objects = result.components.flatMap((component) => component.objects);
      const kinds = (kind: string) => objects.filter((object) => object.kind === kind);
      const detector = cluster.configItems['node_problem_detector'] ?? 'enabled';
      expect(kinds('DaemonSet')).toHaveLength(detector === 'enabled' ? 3 : 2);
      expect(kinds('PodDisruptionBudget').map((budget) => budget['spec'].maxUnavailable)).toEqual([1, 1]);
      const identity = objects.map(
        (object) => `${object.kind}/${object.metadata.namespace ?? ''}/${object.metadata.name}`,
      );
      expect(new Set(identity).size).toBe(identity.length);
    }
  });
});

describe('the JSON Schemas in registry/schemas', () => {
  it('are those of the schemas that read the files', () => {
    const texts = schemaTexts();
    expect([...texts.keys()]).toEqual([
      'cluster.schema.json',
      'infrastructure-accounts.schema.json',
      'pipeline.schema.json',
      'scenario.schema.json',
    ]);
    for (const [name, text] of texts)
      expect(
        readFileSync(join(project, 'registry/schemas', name), 'utf8'),
        `${name}: run npx tsx scripts/generate-schemas.ts`,
      ).toBe(text);
  });
});

describe('the example of a cluster on EKS', () => {
  const example = treeOf(join(project, 'examples/eks'));
  const entry = parse(example.get('cluster.example.yaml') as string) as unknown;

  function render(provider: string, profile = 'worker-eks') {
    const cluster: Cluster = {
      ...sampleCluster,
      alias: 'shop-eks',
      localId: 'shop',
      provider,
      configItems: { subnets: 'eu-central-1a=subnet-1,eu-central-1b=subnet-2' },
      nodePools: [
        {
          name: 'default-worker',
          profile,
          instanceTypes: ['m6i.large'],
          discountStrategy: 'none',
          minSize: 2,
          maxSize: 5,
          configItems: {},
        },
      ],
    };
    return createRenderer().render({ cluster, tree: example, commit: 'c1' });
  }

  it('has a registry entry that is valid', () => {
    expect(clusterSchema.safeParse(entry).error).toBeUndefined();
  });

  it('names the control plane as EKS knows it, and leaves what only EKS knows to the moment of applying', () => {
    const outcome = render('zalando-eks');
    if (!outcome.ok) throw new Error(outcome.problems.map(describeProblem).join('\n'));
    const { stacks, kubernetesVersion } = outcome.rendered;
    expect(stacks.map(({ name, kind }) => [name, kind])).toEqual([
      ['shop', 'cluster'],
      [`nodepool-default-worker-${sampleCluster.id.replaceAll(':', '-')}`, 'node-pool'],
    ]);
    expect(kubernetesVersion).toBe('v1.34.3');
    expect(JSON.stringify(parse(stacks[0]?.template as string, { logLevel: 'silent' }))).toMatch(
      /"Name":"shop-eks","Version":"1.34"/,
    );
    const outputs = { WorkerInstanceProfile: 'profile', WorkerSecurityGroup: 'sg-1' };
    expect(() => stacks[1]?.templateFor?.(outputs)).toThrow(
      /EKS does not say eks_endpoint before the cluster is created/,
    );
    const eks = { ClmEksEndpoint: 'https://api.test', ClmEksCertificateAuthorityData: 'Q0E=' };
    expect(stacks[1]?.templateFor?.({ ...outputs, ...eks })).toContain('profile');
    const other = render('aws-eks');
    expect(other.ok && other.rendered.stacks[0]?.template).toContain('"shop"');
  });

  it('has no nodes of a control plane', () => {
    const outcome = render('zalando-eks', 'master-default');
    expect(outcome.ok ? [] : outcome.problems).toEqual([
      expect.objectContaining({
        message: expect.stringContaining('EKS runs the control plane of') as string,
        remedy: 'remove the pool, or give the cluster provider zalando-aws',
      }),
    ]);
  });
});
