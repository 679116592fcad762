import { describe, expect, it } from 'vitest';
import { createLookupRecord } from '../../../src/daemon/lookup-record.ts';
import { createRender, type RenderOptions } from '../../../src/daemon/render.ts';
import type { Cluster, InfrastructureAccount } from '../../../src/domain/cluster.ts';
import { FailureError, transient } from '../../../src/domain/failure.ts';
import { questionKey } from '../../../src/domain/lookups.ts';
import type { CloudLookups } from '../../../src/ports/cloud-lookups.ts';
import type { Fact, FactWrite, Json } from '../../../src/ports/store.ts';
import { yieldToEventLoop } from '../../../src/support/deadline.ts';
import { redactText } from '../../../src/support/redact.ts';
import { configMap, renderedCluster } from '../../support/render-input.ts';

const image = (value: string): string => configMap('x', `{{ amiID "node" "self" }}-${value}`);

function scriptedCloud(answers: Record<string, Json>, secrets: Record<string, string> = {}) {
  const asked: string[] = [];
  const cloud: CloudLookups = {
    answer: (question) => {
      asked.push(questionKey(question));
      return Promise.resolve(answers[questionKey(question)] ?? null);
    },
    decrypt: (ciphertext) => {
      asked.push(`decrypt ${ciphertext}`);
      const plaintext = secrets[ciphertext];
      if (plaintext === undefined) throw new FailureError(transient('aws-throttled', 'later'));
      return Promise.resolve(plaintext);
    },
  };
  return { cloud, asked };
}

function factStore() {
  const facts = new Map<string, Fact>();
  return {
    facts: (kind: string) => Promise.resolve([...facts.values()].filter((fact) => fact.kind === kind)),
    fact: (kind: string, key: string) => Promise.resolve(facts.get(`${kind} ${key}`)),
    post: ({ facts: writes = [], now }: { facts?: FactWrite[]; now: number }) => {
      for (const { kind, key, value } of writes) {
        if (value === null) facts.delete(`${kind} ${key}`);
        else facts.set(`${kind} ${key}`, { kind, key, value, updatedAt: now });
      }
      return Promise.resolve();
    },
    text: () => JSON.stringify([...facts.values()]),
  };
}

function renderOf(trees: Record<string, Record<string, string>>, more: Partial<RenderOptions>) {
  return createRender({
    source: { readTree: (commit) => Promise.resolve(new Map(Object.entries(trees[commit] ?? {}))) },
    path: 'cluster',
    accounts: () => [],
    ...more,
  });
}

async function shownValue(render: ReturnType<typeof createRender>, commit: string, cluster: Cluster = renderedCluster) {
  const result = await render(cluster, commit);
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  return (result.rendered.components[0]?.objects[0]?.['data'] as { value: string } | undefined)?.value;
}

describe('look-ups of a rendering', () => {
  const key = 'image self node';

  it('of the defaults are asked and told as others are, however many there are', async () => {
    const names = Array.from({ length: 24 }, (_, i) => `node-${i}`);
    const defaults = names.map((name) => `${name.replace('-', '_')}: {{ amiID "${name}" "self" }}`).join('\n');
    const value = '{{ .Cluster.ConfigItems.node_0 }} {{ .Cluster.ConfigItems.node_23 }}';
    const trees = { one: { 'config-defaults.yaml': defaults, 'manifests/a/x.yaml': configMap('x', value) } };
    const answers = Object.fromEntries(names.map((name) => [`image self ${name}`, `ami-${name}`]));
    const { cloud, asked } = scriptedCloud(answers);
    expect(await shownValue(renderOf(trees, { cloud: () => cloud }), 'one')).toBe('ami-node-0 ami-node-23');
    expect(asked).toHaveLength(24);
    const result = await renderOf(trees, {})(renderedCluster, 'one');
    expect(result.ok || result.problems[0]?.message).toBe('not recorded: image self node-0');
  });

  it('are asked once for a commit, account and region, and locked over restarts and for later clusters', async () => {
    const store = factStore();
    const trees = { one: { 'manifests/a/x.yaml': image('a') }, two: { 'manifests/a/x.yaml': image('b') } };
    const first = scriptedCloud({ [key]: 'ami-1' });
    const record = () =>
      createLookupRecord(
        store,
        (input) => store.post(input),
        () => 1_000,
      );
    const render = renderOf(trees, { cloud: () => first.cloud, record: record() });
    expect(await shownValue(render, 'one')).toBe('ami-1-a');
    expect(await shownValue(render, 'one', { ...renderedCluster, alias: 'other' })).toBe('ami-1-a');
    expect(first.asked).toEqual([key]);
    // a new image came out, and the daemon was restarted: the old commit keeps what it was tested with
    const later = scriptedCloud({ [key]: 'ami-2' });
    const restarted = renderOf(trees, { cloud: () => later.cloud, record: record() });
    expect(await shownValue(restarted, 'one', { ...renderedCluster, channel: 'stable' })).toBe('ami-1-a');
    expect(later.asked).toEqual([]);
    expect(await shownValue(restarted, 'two')).toBe('ami-2-b');
    expect(await shownValue(restarted, 'one', { ...renderedCluster, region: 'eu-west-1' })).toBe('ami-2-a');
  });

  it('lead from one answer to the next question, and end when they never do', async () => {
    const chain = configMap('x', '{{ amiID (amiID "node" "self") "self" }}');
    const { cloud, asked } = scriptedCloud({ [key]: 'base', 'image self base': 'ami-9' });
    expect(await shownValue(renderOf({ one: { 'manifests/a/x.yaml': chain } }, { cloud: () => cloud }), 'one')).toBe(
      'ami-9',
    );
    expect(asked).toEqual([key, 'image self base']);
    const expression = Array.from({ length: 66 }).reduce<string>((inner) => `(amiID ${inner} "self")`, '"0"');
    const deep = { one: { 'manifests/a/x.yaml': configMap('x', `{{ ${expression} }}`) } };
    const counting: CloudLookups = {
      ...cloud,
      answer: (question) => Promise.resolve(`${question.kind === 'image' ? question.name : ''}1`),
    };
    const result = await renderOf(deep, { cloud: () => counting })(renderedCluster, 'one');
    expect(result.ok || result.problems[0]?.message).toMatch(/something new after 64 rounds/);
  });

  it('without a cloud are problems that name the question, until they are recorded', async () => {
    const render = renderOf({ one: { 'manifests/a/x.yaml': image('a') } }, {});
    const result = await render(renderedCluster, 'one');
    expect(result.ok || result.problems).toMatchObject([{ message: `not recorded: ${key}` }]);
  });

  it('that fail are not recorded', async () => {
    let fails = true;
    const { cloud } = scriptedCloud({ [key]: 'ami-1' });
    const flaky: CloudLookups = {
      ...cloud,
      answer: (question) => {
        if (fails) throw new FailureError(transient('aws-throttled', 'later'));
        return cloud.answer(question);
      },
    };
    const render = renderOf({ one: { 'manifests/a/x.yaml': image('a') } }, { cloud: () => flaky });
    await expect(render(renderedCluster, 'one')).rejects.toThrow('later');
    fails = false;
    expect(await shownValue(render, 'one')).toBe('ami-1-a');
  });

  it('records that nobody asked for in half a year are dropped', async () => {
    const store = factStore();
    const trees = { one: { 'manifests/a/x.yaml': image('a') }, two: { 'manifests/a/x.yaml': image('b') } };
    const { cloud } = scriptedCloud({ [key]: 'ami-1' });
    let now = 0;
    const record = createLookupRecord(
      store,
      (input) => store.post(input),
      () => now,
    );
    const render = renderOf(trees, { cloud: () => cloud, record });
    await shownValue(render, 'one');
    now = 181 * 24 * 3_600_000;
    await shownValue(render, 'two');
    expect((await store.facts('lookups')).map((fact) => fact.key.split(' ')[0])).toEqual(['two']);
  });
});

describe('encrypted config items', () => {
  const planted = 'correct-horse-battery';
  const encrypted = { ...renderedCluster, configItems: { password: 'aws:kms:QUJD', plain: 'x' } };
  const files = (expression: string) => ({ one: { 'manifests/a/x.yaml': configMap('x', `{{ ${expression} }}`) } });

  it('are decrypted in memory, once', async () => {
    const { cloud, asked } = scriptedCloud({}, { QUJD: planted });
    const store = factStore();
    const record = createLookupRecord(
      store,
      (input) => store.post(input),
      () => 0,
    );
    const render = renderOf(
      { ...files('.Cluster.ConfigItems.password'), two: files('.Cluster.ConfigItems.password | b64enc').one },
      { cloud: () => cloud, record },
    );
    expect(await shownValue(render, 'one', encrypted)).toBe(planted);
    expect(await shownValue(render, 'two', encrypted)).toBe(Buffer.from(planted).toString('base64'));
    expect(asked).toEqual(['decrypt QUJD']);
    expect(store.text()).not.toContain(planted);
  });

  it('make no digest that shows them, and are hidden in every text from then on', async () => {
    const { cloud } = scriptedCloud({}, { QUJD: planted });
    const result = await renderOf(files('.Cluster.ConfigItems.password'), { cloud: () => cloud })(encrypted, 'one');
    if (!result.ok) throw new Error('does not render');
    expect(result.redact?.(`value: ${planted}, ${Buffer.from(planted).toString('base64')}`)).toBe(
      'value: [redacted], [redacted]',
    );
    expect(redactText(`Invalid value: "${planted}"`)).toBe('Invalid value: "[redacted]"');
    expect(JSON.stringify({ ...result.rendered, components: [] })).not.toContain(planted);
  });

  it.each([
    'parseInt64 .Cluster.ConfigItems.password',
    'fail .Cluster.ConfigItems.password',
    'range .Cluster.ConfigItems.password }}{{ end',
    'printf "%s" .Cluster.ConfigItems.password | b64enc | parseInt64',
    'substr 0 12 .Cluster.ConfigItems.password | fromJson',
    'index (dict "a" 1) .Cluster.ConfigItems.password | add (.Cluster.ConfigItems.password | trunc 9)',
    'with .Cluster }}{{ .ConfigItems.password | trunc 10 | parseInt64 }}{{ end',
  ])('%s: the error does not repeat the value, nor a part of it', async (expression) => {
    const { cloud } = scriptedCloud({}, { QUJD: planted });
    const result = await renderOf(files(expression), { cloud: () => cloud })(encrypted, 'one');
    expect(result.ok).toBe(false);
    const told = JSON.stringify(result);
    for (const part of [planted, planted.slice(0, 9), Buffer.from(planted).toString('base64').slice(0, 10)])
      expect(told).not.toContain(part);
    expect(told).toContain('manifests/a/x.yaml');
  });

  it('of a pool, and of the defaults, are decrypted too', async () => {
    const { cloud } = scriptedCloud({}, { QUJD: planted, REVG: 'second-secret' });
    const stack =
      'Resources: {A: {Type: "AWS::S3::Bucket", Properties: {BucketName: "{{ .NodePool.ConfigItems.own }}-{{ .NodePool.ConfigItems.shared }}"}}}';
    const tree = { 'config-defaults.yaml': 'shared: "aws:kms:REVG"\n', 'node-pools/w/stack.yaml': stack };
    const pool = {
      name: 'w',
      profile: 'w',
      instanceTypes: ['m5.large'],
      discountStrategy: 'none' as const,
      minSize: 0,
      maxSize: 1,
      configItems: { own: 'aws:kms:QUJD' },
    };
    const result = await renderOf({ one: tree }, { cloud: () => cloud })(
      { ...renderedCluster, nodePools: [pool] },
      'one',
    );
    expect(result.ok && result.rendered.stacks[0]?.template).toContain(`${planted}-second-secret`);
  });

  it('without a way to decrypt them say so, and do not render as something else', async () => {
    const result = await renderOf(files('.Cluster.ConfigItems.plain'), {})(encrypted, 'one');
    expect(result.ok || result.problems).toMatchObject([{ message: '1 config items are encrypted' }]);
  });
});

describe('a sealed rendering', () => {
  const keyOf = (secret: string): Cluster => ({ ...renderedCluster, configItems: { key: `aws:kms:${secret}` } });
  const value = (use: string, secret: string): Promise<string | undefined> => {
    const tree = { 'manifests/a/x.yaml': configMap('x', `{{ .Cluster.ConfigItems.key${use} }}`) };
    return shownValue(renderOf({ one: tree }, { seal: true }), 'one', keyOf(secret));
  };

  it('goes through functions that would look into a secret, and still tells one from another', async () => {
    const uses = [
      '',
      '| base64Decode',
      '| publicKey',
      '| base64Decode | publicKey | generateJWKSDocument',
      '| certificateExpiry',
    ];
    const shown = await Promise.all(uses.map((use) => value(use, 'QUJD')));
    expect(new Set(shown).size).toBe(uses.length);
    for (const one of shown) expect(one).toMatch(/^sealed[0-9a-f]{18}$/);
    const [use = ''] = uses.slice(3);
    expect(await value(use, 'QUJD')).toBe(shown[3]);
    expect(await value(use, 'REVG')).not.toBe(shown[3]);
  });

  it('takes a sealed file for one in base64', async () => {
    const files = 'files:\n  - {path: etc/key, data: "{{ .Cluster.ConfigItems.key }}", permissions: 0400}\n';
    const stack = 'Resources: {Queue: {Type: "AWS::SQS::Queue"}}';
    const tree = { 'etcd/files.yaml': files, 'etcd/stack.yaml': stack };
    const result = await renderOf({ one: tree }, { seal: true })(keyOf('QUJD'), 'one');
    expect(result.ok || result.problems).toBe(true);
  });
});

describe('what is kept of a rendering', () => {
  const template = configMap('x', '{{ .Cluster.Owner }} {{ len .Cluster.AccountClusters }} {{ .Cluster.Alias }}');
  const account: InfrastructureAccount = {
    id: renderedCluster.infrastructureAccount,
    name: 'shop',
    owner: 'team-a',
    environment: 'test',
    lifecycleStatus: 'ready',
  };

  it('is not given again once the cluster, its account or its neighbours are others', async () => {
    const world = { accounts: [account], clusters: [renderedCluster] as Cluster[] };
    let reads = 0;
    const render = createRender({
      source: {
        readTree: () => {
          reads += 1;
          return Promise.resolve(new Map([['manifests/a/x.yaml', template]]));
        },
      },
      path: 'cluster',
      accounts: () => world.accounts,
      clusters: () => world.clusters,
    });
    expect(await shownValue(render, 'c')).toBe('team-a 1 shop');
    world.accounts = [{ ...account, owner: 'team-b' }];
    expect(await shownValue(render, 'c')).toBe('team-b 1 shop');
    world.clusters = [renderedCluster, { ...renderedCluster, id: 'other', alias: 'next' }];
    expect(await shownValue(render, 'c')).toBe('team-b 2 shop');
    world.clusters = [...world.clusters, { ...renderedCluster, id: 'far', infrastructureAccount: 'aws:999999999999' }];
    expect(await shownValue(render, 'c')).toBe('team-b 2 shop');
    expect(await shownValue(render, 'c', { ...renderedCluster, alias: 'renamed' })).toBe('team-b 2 renamed');
    expect(reads).toBe(1);
  });

  it('lets others have their turn while it is made', async () => {
    const files = Array.from({ length: 40 }, (_, n): [string, string] => [
      `manifests/c${n}/x.yaml`,
      Array.from({ length: 60 }, (_one, i) => configMap(`x-${n}-${i}`, '{{ .Cluster.Alias }}')).join('---\n'),
    ]);
    const render = renderOf({ c: Object.fromEntries(files) }, {});
    let turns = 0;
    let over = false;
    const others = (async () => {
      while (!over) {
        await yieldToEventLoop();
        turns += 1;
      }
    })();
    expect((await render(renderedCluster, 'c')).ok).toBe(true);
    over = true;
    await others;
    expect(turns).toBeGreaterThan(4);
  });
});
