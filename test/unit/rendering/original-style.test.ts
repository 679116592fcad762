import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { renderedFiles } from '../../../src/cli/rendered-files.ts';
import type { NodePool } from '../../../src/domain/cluster.ts';
import { renderFiles } from '../../support/render-input.ts';

const root = join(import.meta.dirname, 'original-style/tree');
const paths = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.yaml'));
const files = Object.fromEntries(paths.map((path) => [path, readFileSync(join(root, path), 'utf8')]));

const pool = (name: string, profile: string, more: Partial<NodePool> = {}): NodePool => ({
  name,
  profile,
  instanceTypes: ['m6i.large'],
  discountStrategy: 'none',
  minSize: 2,
  maxSize: 6,
  configItems: {},
  ...more,
});

const subnet = (id: string, zone: string, tags: Record<string, string> = {}) => ({ id, zone, ipv6Cidrs: [], tags });
const instance = { vcpus: 2, architecture: 'amd64', storageDevices: 0, storageDeviceBytes: 0 };
const lookups = {
  'network vpc-1': {
    vpcId: 'vpc-1',
    ipv4Cidr: '10.0.0.0/16',
    ipv6Cidrs: [],
    subnets: [
      subnet('subnet-b', 'eu-central-1b'),
      subnet('subnet-a2', 'eu-central-1a'),
      subnet('subnet-a1', 'eu-central-1a'),
      subnet('subnet-0', 'eu-central-1c', { 'zalando.org/custom-subnet': '' }),
    ],
  },
  'image 861068367966 kubernetes-ubuntu-v1.31-20260801': 'ami-0123',
  'instance-type m6i.large': { ...instance, memoryBytes: 8 * 1024 ** 3 },
  'instance-type m5.xlarge': { ...instance, memoryBytes: 16 * 1024 ** 3 },
};

it('a configuration in the style of the original renders as it stands', async () => {
  const rendered = renderFiles(
    files,
    {
      environment: 'production',
      configItems: { vpc_id: 'vpc-1' },
      nodePools: [
        pool('default-master', 'master-default'),
        pool('default-worker', 'worker-splitaz', { instanceTypes: ['m5.xlarge', 'm6i.large'] }),
        pool('zonal', 'worker-splitaz', {
          configItems: { availability_zones: 'eu-central-1b', labels: 'dedicated=zonal' },
        }),
        pool('karpenter', 'worker-karpenter', {
          configItems: { requirements: '- {key: kubernetes.io/arch, operator: In, values: [amd64]}' },
        }),
      ],
    },
    { lookups },
  );
  const texts = renderedFiles(rendered, (text) => text);
  texts.delete('version.json');
  const golden = [...texts].map(([path, text]) => `=== ${path}\n${text.replace(/^\s*\n/gm, '')}`).join('');
  await expect(golden).toMatchFileSnapshot('original-style/golden.txt');
});
