import { describe, expect, it } from 'vitest';
import { describeProblem } from '../../../src/domain/problem.ts';
import { parseAccountsFile, parseClusterFile } from '../../../src/sources/registry/registry-documents.ts';

const good = `id: "aws:123456789012:eu-central-1:kube-1"
alias: shop
local_id: kube-1
infrastructure_account: "aws:123456789012"
region: eu-central-1
provider: zalando-aws
api_server_url: https://kube-1.shop.example.org
channel: beta
environment: production
criticality_level: 2
lifecycle_status: ready
config_items: {vpc_id: vpc-1}
node_pools:
  - name: work
    profile: worker-default
    instance_types: [m5.large, m6i.large]
    discount_strategy: spot
    min_size: 1
    max_size: 9
    config_items: {labels: "a=b"}
`;

describe('a cluster file', () => {
  it('becomes a cluster, field by field', () => {
    const { clusters, problems } = parseClusterFile('shop.yaml', good);
    expect(problems).toEqual([]);
    expect(clusters[0]?.cluster).toEqual({
      id: 'aws:123456789012:eu-central-1:kube-1',
      alias: 'shop',
      localId: 'kube-1',
      infrastructureAccount: 'aws:123456789012',
      region: 'eu-central-1',
      provider: 'zalando-aws',
      apiServerUrl: 'https://kube-1.shop.example.org',
      channel: 'beta',
      environment: 'production',
      criticalityLevel: 2,
      lifecycleStatus: 'ready',
      configItems: { vpc_id: 'vpc-1' },
      nodePools: [
        {
          name: 'work',
          profile: 'worker-default',
          instanceTypes: ['m5.large', 'm6i.large'],
          discountStrategy: 'spot',
          minSize: 1,
          maxSize: 9,
          configItems: { labels: 'a=b' },
        },
      ],
    });
  });

  it('may be the original’s list of clusters, with a status that is not read', () => {
    const text = `clusters:\n${good.trimEnd().replace(/^/gm, '    ').replace('    id', '  - id')}\n    status: {current_version: "x#y", problems: []}\n    owner: team\n`;
    const { clusters, problems } = parseClusterFile('clusters.yaml', text);
    expect(problems).toEqual([]);
    expect(clusters.map(({ cluster }) => cluster.alias)).toEqual(['shop']);
  });

  it('an environment may have a name of its own, and numbers among config items are what is written', () => {
    const text = good
      .replace('environment: production', 'environment: e2e')
      .replace('{vpc_id: vpc-1}', '{mode: 0644, ratio: 1.0, bytes: 134217728, on: true}')
      .replace('{labels: "a=b"}', '{ebs_root_volume_size: 550}');
    const { clusters, problems } = parseClusterFile('shop.yaml', text);
    expect(problems).toEqual([]);
    expect(clusters[0]?.cluster).toMatchObject({
      environment: 'e2e',
      configItems: { mode: '0644', ratio: '1.0', bytes: '134217728', on: 'true' },
      nodePools: [{ configItems: { ebs_root_volume_size: '550' } }],
    });
  });

  const cases: [what: string, change: [string, string], expected: RegExp][] = [
    ['broken YAML', ['alias: shop', 'alias: [shop'], /shop\.yaml:\d+: not valid YAML/],
    ['a missing field', ['channel: beta\n', ''], /shop\.yaml:1: channel: channel is missing\n/],
    [
      'an unknown field',
      ['alias: shop', 'alias: shop\nchanel: x'],
      /:3: chanel: chanel is not a known field\n.*write channel instead/,
    ],
    ['a bad id', ['id: "aws:', 'id: "AWS:'], /:1: id: .*\n.*write for example "aws:123456789012:eu-central-1:kube-1"/],
    [
      'an id of another region',
      ['region: eu-central-1', 'region: eu-west-1'],
      /:1: id: id .* does not agree .*\n.*"aws:123456789012:eu-west-1:kube-1"/,
    ],
    [
      'a bad account',
      ['infrastructure_account: "aws:123456789012"', 'infrastructure_account: "aws:1"'],
      /:4: infrastructure_account: an account id is aws: and 12 digits/,
    ],
    ['a bad region', ['region: eu-central-1', 'region: frankfurt'], /:5: region: this is no AWS region\n/],
    [
      'an unknown provider',
      ['provider: zalando-aws', 'provider: gcp'],
      /:6: provider: .*\n.*write one of: zalando-aws/,
    ],
    ['a bad URL', ['https://kube-1', 'kube-1'], /:7: api_server_url: this is no URL/],
    [
      'an environment that is nearly production',
      ['production', 'prod'],
      /:9: environment: .*only the exact word protects.*\n.*write production, test, or another name/,
    ],
    ['an environment that is no name', ['production', '"a b"'], /:9: environment: .*lower case letters/],
    [
      'a level out of range',
      ['criticality_level: 2', 'criticality_level: 9'],
      /:10: criticality_level: .*\n.*write 1, 2 or 3/,
    ],
    ['an unknown status', ['lifecycle_status: ready', 'lifecycle_status: gone'], /:11: lifecycle_status/],
    [
      'a config item that is no text',
      ['vpc_id: vpc-1', 'vpc_id: [vpc-1]'],
      /:12: config_items\.vpc_id: a config item is a text\n.*quotes/,
    ],
    ['a config item with a bad name', ['vpc_id: vpc-1', 'VPC: "1"'], /:12: config_items/],
    [
      'a pool with min above max',
      ['min_size: 1', 'min_size: 10'],
      /:18: node_pools\[0\]\.min_size: min_size 10 of pool work is greater than max_size 9/,
    ],
    ['a pool with a negative size', ['min_size: 1', 'min_size: -1'], /:18: node_pools\[0\]\.min_size: .*not negative/],
    [
      'a pool without instance types',
      ['[m5.large, m6i.large]', '[]'],
      /:16: node_pools\[0\]\.instance_types: .*at least one/,
    ],
    [
      'an instance type twice',
      ['[m5.large, m6i.large]', '[m5.large, m5.large]'],
      /:16: node_pools\[0\]\.instance_types: .*twice/,
    ],
    ['an unknown discount', ['strategy: spot', 'strategy: cheap'], /:17: node_pools\[0\]\.discount_strategy/],
    [
      'a pool twice',
      [
        '    config_items: {labels: "a=b"}\n',
        '  - {name: work, profile: other, instance_types: [m5.large], min_size: 0, max_size: 1}\n',
      ],
      /:20: node_pools\[1\]\.name: pool work is listed twice/,
    ],
    ['an empty file', [good, ''], /shop\.yaml: the file is empty/],
    ['something else', [good, '- 1'], /shop\.yaml:1: /],
  ];
  it.each(cases)('with %s is a problem with line, path and remedy', (_, [from, to], expected) => {
    const text = good.replace(from, to);
    expect(text).not.toBe(good);
    const { clusters, problems } = parseClusterFile('shop.yaml', text);
    expect(clusters).toEqual([]);
    expect(problems.map(describeProblem).join('\n')).toMatch(expected);
    for (const problem of problems) expect(problem.remedy).not.toBe('');
  });

  it('lists every problem at once', () => {
    const text = good
      .replace('region: eu-central-1', 'region: x')
      .replace('beta', '""')
      .replace('min_size: 1', 'min_size: many');
    expect(parseClusterFile('shop.yaml', text).problems.map((problem) => problem.path)).toEqual([
      'region',
      'channel',
      'node_pools[0].min_size',
    ]);
  });
});

describe('the file of accounts', () => {
  it('becomes accounts, with the role to assume', () => {
    const text = `infrastructure_accounts:
  - {id: "aws:123456789012", name: shop, owner: team, environment: test, lifecycle_status: ready, assume_role_arn: "arn:aws:iam::123456789012:role/clm"}
`;
    expect(parseAccountsFile('a.yaml', text).accounts.map(({ account }) => account)).toEqual([
      {
        id: 'aws:123456789012',
        name: 'shop',
        owner: 'team',
        environment: 'test',
        lifecycleStatus: 'ready',
        assumeRoleArn: 'arn:aws:iam::123456789012:role/clm',
      },
    ]);
  });

  it('with an account twice, or a bad role, is a problem', () => {
    const account = '{id: "aws:123456789012", name: shop, owner: team, environment: test, lifecycle_status: ready}';
    expect(
      parseAccountsFile('a.yaml', `infrastructure_accounts:\n  - ${account}\n  - ${account}\n`).problems.map(
        describeProblem,
      ),
    ).toEqual([
      expect.stringMatching(/^a\.yaml:3: infrastructure_accounts\[1\]\.id: account aws:123456789012 is listed twice/),
    ]);
    const bad = account.replace('}', ', assume_role_arn: admin}');
    expect(parseAccountsFile('a.yaml', `infrastructure_accounts:\n  - ${bad}\n`).problems.map(describeProblem)).toEqual(
      [expect.stringMatching(/assume_role_arn: this is no ARN of a role\n.*arn:aws:iam/)],
    );
  });
});
