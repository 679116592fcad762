import { describe, expect, it } from 'vitest';
import type { ClusterView, NodeView } from '../../../src/domain/cluster-view.ts';
import type { RenderedCluster } from '../../../src/domain/rendered.ts';
import { applyItemProblems } from '../../../src/planning/pipeline/apply-policy.ts';
import type { ClusterSession } from '../../../src/ports/cluster-session.ts';
import { kubernetesRefusals } from '../../../src/steps/cluster-update/check-kubernetes.ts';

const rendered = (more: Partial<RenderedCluster> = {}): RenderedCluster => ({
  clusterId: 'x',
  commit: 'c',
  digest: 'd',
  kubernetesVersion: 'v1.34.3',
  stacks: [],
  components: [],
  pools: [],
  karpenterPools: [],
  deletions: { preApply: [], postApply: [], preApplyStacks: [], postApplyStacks: [] },
  ...more,
});

function cluster(script: {
  version?: string;
  nodes?: [name: string, kubelet: string, master?: boolean][];
  metrics?: { status: number; body: string };
  stale?: string;
}) {
  const asked: string[] = [];
  const nodes = (script.nodes ?? []).map(([name, kubeletVersion, master]) => ({
    name,
    kubeletVersion,
    labels: master === true ? { 'node-role.kubernetes.io/control-plane': '' } : {},
    deleting: false,
  })) as unknown as NodeView[];
  const session = {
    kube: {
      raw: async (path: string) => {
        asked.push(path);
        if (path === '/metrics') return script.metrics ?? { status: 200, body: '' };
        return { status: 200, body: JSON.stringify({ gitVersion: script.version ?? 'v1.33.5' }) };
      },
    },
    view: async () =>
      ({ nodes, ...(script.stale === undefined ? {} : { stale: script.stale }) }) as unknown as ClusterView,
  } as unknown as ClusterSession;
  const judge = (of = rendered(), configItems = {}) =>
    kubernetesRefusals(session, { alias: 'shop', configItems }, of, now);
  return { judge, asked };
}

const now = Date.parse('2027-01-31T12:00:00Z');
const deprecated = {
  status: 200,
  body: 'apiserver_requested_deprecated_apis{group="a.io",removed_release="1.34",resource="things",subresource="",version="v1"} 1\n',
};

describe('Kubernetes versions before an update', () => {
  it('lets the next minor in, and asks for deprecated requests before it', async () => {
    const { judge, asked } = cluster({ nodes: [['m', 'v1.33.5', true]] });
    expect(await judge()).toEqual([]);
    expect(asked).toEqual(['/version', '/metrics']);
  });

  it('asks for no metrics where no minor changes, and for nothing where no version is configured', async () => {
    const same = cluster({ version: 'v1.34.1', metrics: { status: 500, body: '' } });
    expect(await same.judge()).toEqual([]);
    expect(same.asked).toEqual(['/version']);
    const { kubernetesVersion: _, ...without } = rendered();
    const silent = cluster({});
    expect(await silent.judge(without)).toEqual([]);
    expect(silent.asked).toEqual([]);
  });

  it('looks at the nodes of the control plane, not only at the API server that answers', async () => {
    const halfWay = cluster({
      version: 'v1.34.3',
      nodes: [
        ['m1', 'v1.34.3', true],
        ['m2', 'v1.33.5', true],
      ],
    });
    expect(await halfWay.judge()).toEqual([]);
    const beyond = await halfWay.judge(rendered({ kubernetesVersion: 'v1.35.0' }));
    expect(beyond.map((one) => one.code)).toEqual(['kubernetes-upgrade-unfinished']);
  });

  it('refuses removed APIs that are in use, unless somebody accepts them by name for a time', async () => {
    const { judge } = cluster({ metrics: deprecated });
    const accepting = async (text: string) =>
      (await judge(rendered(), { kubernetes_removed_apis_accepted: text })).map((one) => one.code);
    expect((await judge()).map((one) => one.code)).toEqual(['removed-api-in-use']);
    expect(
      await accepting('others.v1.b.io until 2027-12-31 by jo: x\nthings.v1.a.io until 2027-01-31 by jo: old tool'),
    ).toEqual([]);
    const refused = ['removed-api-in-use'];
    expect(await accepting('things.v1.a.io until 2027-01-30 by jo: it is over')).toEqual(refused);
    expect(await accepting('others.v1.b.io until 2027-12-31 by jo: another one')).toEqual(refused);
    // without who, why and until when it is no acceptance
    expect(await accepting('things.v1.a.io')).toEqual(refused);
    expect(applyItemProblems({ kubernetes_removed_apis_accepted: 'things.v1.a.io' })).toEqual([
      expect.objectContaining({ message: "'things.v1.a.io' accepts nothing" }),
    ]);
  });

  it('takes no answer for no consent', async () => {
    await expect(cluster({ metrics: { status: 403, body: '' } }).judge()).rejects.toMatchObject({
      failure: { kind: 'transient', code: 'kubernetes-metrics-unreadable' },
    });
    await expect(cluster({ stale: 'the watch ended' }).judge()).rejects.toMatchObject({
      failure: { kind: 'transient', code: 'view-stale' },
    });
  });

  it('refuses workers that the new API servers would not stand', async () => {
    const { judge } = cluster({ nodes: [['old', 'v1.30.2']] });
    expect((await judge()).map((one) => one.code)).toEqual(['kubernetes-skew']);
  });
});
