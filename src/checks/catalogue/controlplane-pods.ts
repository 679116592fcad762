import type { KubeObject } from '../../domain/kube-object.ts';
import { CheckFailed, defineCheck } from '../contract.ts';
import { pods } from '../resources.ts';
import { isReady } from '../workload.ts';

const components = ['kube-apiserver', 'kube-controller-manager', 'kube-scheduler'];
const mirror = 'kubernetes.io/config.mirror';

function isControlPlane(node: KubeObject): boolean {
  const labels = node.metadata.labels ?? {};
  return 'node-role.kubernetes.io/control-plane' in labels || labels['node.kubernetes.io/role'] === 'master';
}

/** Catalogue row 2. */
export const controlPlanePods = defineCheck({
  id: 'api.controlplane-pods',
  title: 'Every control-plane node runs API server, controller manager and scheduler as mirror pods',
  area: 'api',
  withinMs: 2 * 60_000,
  expectedMs: 1_000,
  async plan(context) {
    if ((await context.facts.nodes()).some(isControlPlane)) return undefined;
    return {
      code: 'PROVIDER_UNSUPPORTED',
      message: 'no control-plane node is to be seen: the control plane is managed',
    };
  },
  async run(context) {
    const nodes = (await context.facts.nodes()).filter(isControlPlane).map((node) => node.metadata.name);
    const { items } = await context.kube.list(pods, { namespace: 'kube-system' });
    const missing: string[] = [];
    for (const node of nodes) {
      for (const component of components) {
        const pod = items.find(
          (item) =>
            item.spec?.nodeName === node &&
            item.metadata.name.startsWith(component) &&
            item.metadata.annotations?.[mirror] !== undefined,
        );
        const state = pod === undefined ? 'has no mirror pod' : isReady(pod) ? undefined : 'is not ready';
        context.note(`${component} on ${node}`, state === undefined ? 'pass' : 'fail', state);
        if (state !== undefined) missing.push(`${component} ${state} on ${node}`);
      }
    }
    if (missing.length > 0) throw new CheckFailed(missing.join('; '));
    return `${components.length} components ready on ${nodes.length} control-plane nodes`;
  },
});
