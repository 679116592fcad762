/** A cluster and a small configuration for tests of rendering. */
import type { Cluster } from '../../src/domain/cluster.ts';
import { describeProblem } from '../../src/domain/problem.ts';
import type { RenderedCluster } from '../../src/domain/rendered.ts';
import type { RenderInput } from '../../src/rendering/render-input.ts';
import { createRenderer } from '../../src/rendering/renderer.ts';

export const renderedCluster: Cluster = {
  id: 'aws:123456789012:eu-central-1:kube-1',
  alias: 'shop',
  localId: 'kube-1',
  infrastructureAccount: 'aws:123456789012',
  region: 'eu-central-1',
  provider: 'zalando-aws',
  apiServerUrl: 'https://kube-1.shop.example.org',
  channel: 'beta',
  environment: 'test',
  criticalityLevel: 1,
  lifecycleStatus: 'ready',
  configItems: {},
  nodePools: [],
};

export function renderInput(
  files: Readonly<Record<string, string>>,
  of: Partial<Cluster> = {},
  more: Partial<RenderInput> = {},
): RenderInput {
  return {
    cluster: { ...renderedCluster, ...of },
    tree: new Map(Object.entries(files)),
    commit: 'c0ffee',
    ...more,
  };
}

/** What the files render to; throws with the problems when they do not. */
export function renderFiles(
  files: Readonly<Record<string, string>>,
  of: Partial<Cluster> = {},
  more: Partial<RenderInput> = {},
): RenderedCluster {
  const outcome = createRenderer().render(renderInput(files, of, more));
  if (outcome.ok) return outcome.rendered;
  throw new Error(outcome.problems.map(describeProblem).join('\n') || JSON.stringify(outcome.needs));
}

export function configMap(name: string, value: string): string {
  return `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ${name}, namespace: kube-system}\ndata: {value: '${value}'}\n`;
}
