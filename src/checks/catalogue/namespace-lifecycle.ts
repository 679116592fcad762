import { type CheckContext, CheckFailed, defineCheck } from '../contract.ts';
import { configMaps, deployments, endpointSlices, namespaces, pods, serviceAccounts, services } from '../resources.ts';

/** What every namespace is born with. */
const bornWith: Record<string, string[]> = {
  configmaps: ['kube-root-ca.crt'],
  serviceaccounts: ['default'],
};

async function mustBeEmpty(context: CheckContext): Promise<void> {
  for (const resource of [deployments, services, pods, endpointSlices, configMaps]) {
    // What an old server does not serve, nobody has put there.
    if (!(await context.facts.serves(resource))) continue;
    const { items } = await context.kube.list(resource, { namespace: context.namespace });
    const foreign = items.filter((item) => !(bornWith[resource.resource] ?? []).includes(item.metadata.name));
    if (foreign.length > 0) {
      throw new CheckFailed(
        `a new namespace already holds ${resource.resource}: ${foreign.map((item) => item.metadata.name).join(', ')}`,
      );
    }
  }
}

/** Catalogue row 5. */
export const namespaceLifecycle = defineCheck({
  id: 'namespace.lifecycle',
  title: 'A namespace can be created, comes with its service account, and goes away when deleted',
  area: 'api',
  withinMs: 4 * 60_000,
  async run(context) {
    await context.sandbox();
    const found = await context.kube.get(namespaces, undefined, context.namespace);
    if (found?.status?.phase !== 'Active') {
      throw new CheckFailed(
        `namespace ${context.namespace} is ${found?.status?.phase ?? 'absent'} after it was created`,
      );
    }
    await mustBeEmpty(context);
    await context.until(
      'the default service account',
      serviceAccounts,
      { namespace: context.namespace },
      60_000,
      (items) =>
        items.some((item) => item.metadata.name === 'default') ? undefined : 'there is no service account default',
    );
    const from = context.clock.now();
    await context.kube.delete(namespaces, undefined, context.namespace);
    await context.until(
      `namespace ${context.namespace} gone`,
      namespaces,
      { fieldSelector: `metadata.name=${context.namespace}` },
      90_000,
      (items) => {
        const left = items[0];
        if (!left) return undefined;
        return `it is ${left.status?.phase ?? 'there'}, finalizers ${JSON.stringify(left.spec?.finalizers ?? [])}`;
      },
    );
    const seconds = Math.round((context.clock.now() - from) / 1000);
    context.measure('action_duration_seconds', seconds, { resource: 'Namespace', action: 'delete' });
    return `created, empty, and gone ${seconds} s after its deletion`;
  },
});
