import { apiHealth } from './catalogue/api-health.ts';
import { deploymentCreate } from './catalogue/deployment-create.ts';
import { namespaceLifecycle } from './catalogue/namespace-lifecycle.ts';
import { serviceEndpoints } from './catalogue/service-endpoints.ts';
import { workloadsReady } from './catalogue/workloads-ready.ts';
import type { CheckDefinition } from './contract.ts';

export const catalogue: CheckDefinition[] = [
  apiHealth,
  workloadsReady,
  namespaceLifecycle,
  deploymentCreate,
  serviceEndpoints,
];

/** Profiles by name; `smoke` runs after every cluster update. */
export const profiles: Record<string, CheckDefinition[]> = {
  smoke: catalogue,
  full: catalogue,
};
