import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { pureFunctions } from '../../../src/rendering/functions/function-table.ts';
import { renderFiles } from '../../support/render-input.ts';

const text = readFileSync(join(import.meta.dirname, '../../../docs/configuration.md'), 'utf8');
const files = Object.fromEntries(
  [...text.matchAll(/^`([^`]+)`\n```yaml\n([\s\S]*?)```$/gm)].map(([, path = '', body = '']) => [path, body]),
);

it('the examples of the reference page render, together', () => {
  expect(Object.keys(files).length).toBeGreaterThan(9);
  const pool = {
    name: 'workers',
    profile: 'worker',
    instanceTypes: ['m5.large'],
    discountStrategy: 'none' as const,
    minSize: 1,
    maxSize: 2,
    configItems: {},
  };
  const rendered = renderFiles(files, { nodePools: [pool], environment: 'production' });
  expect(rendered.stacks.map(({ name }) => name)).toEqual([
    'kube-1',
    'alarms-kube-1',
    'nodepool-workers-aws-123456789012-eu-central-1-kube-1',
  ]);
  const objects = rendered.components.flatMap((component) => component.objects);
  expect(objects.map(({ kind, metadata }) => `${kind}/${metadata.name}`)).toEqual([
    'ConfigMap/web',
    'Deployment/web',
    'ServiceAccount/autoscaler',
  ]);
  expect(objects[0]?.['data']).toEqual({ account: '123456789012', pools: 'workers' });
  expect(objects[1]).toMatchObject({ spec: { replicas: 3 } });
  expect(rendered.deletions.postApply).toHaveLength(4);
  expect(rendered.stacks[2]?.shown?.userData).toMatch(/workers: registry\.example\.org\/web:v7, files at s3:\/\//);
});

it('the page names the functions of the original that there are', () => {
  const listed = /the original's: `([^`]+)`/.exec(text)?.[1]?.split(/\s+/) ?? [];
  expect(listed.length).toBeGreaterThan(30);
  const own = ['amiID', 'instanceTypeCPUQuantity', 'instanceTypeMemoryQuantity', 'manifestHash'];
  for (const name of listed) expect(pureFunctions.has(name) || own.includes(name), name).toBe(true);
});
