import { admissionWebhooks } from './catalogue/admission-webhooks.ts';
import { apiHealth } from './catalogue/api-health.ts';
import { auditLog } from './catalogue/audit-log.ts';
import { authzMatrix } from './catalogue/authz-matrix.ts';
import { certsDns01, certsHttp01 } from './catalogue/cert-manager.ts';
import { certificatesExpiry } from './catalogue/certificates-expiry.ts';
import { cloudIdentity } from './catalogue/cloud-identity.ts';
import { clusterDns } from './catalogue/cluster-dns.ts';
import { conformanceChecks } from './catalogue/conformance.ts';
import { controlPlanePods } from './catalogue/controlplane-pods.ts';
import { customContainer } from './catalogue/custom-container.ts';
import { daemonSetAllNodes } from './catalogue/daemonset-all-nodes.ts';
import { daemonSetCurrent } from './catalogue/daemonset-current.ts';
import { declarativeSuites } from './catalogue/declarative-suites.ts';
import { deploymentCreate } from './catalogue/deployment-create.ts';
import { deploymentScale } from './catalogue/deployment-scale.ts';
import { deploymentUpdate } from './catalogue/deployment-update.ts';
import { externalDns } from './catalogue/external-dns.ts';
import { generations } from './catalogue/generations.ts';
import { gpuJob } from './catalogue/gpu-job.ts';
import { imagePolicy } from './catalogue/image-policy.ts';
import { ingressEndToEnd } from './catalogue/ingress-endtoend.ts';
import { ingressNlb } from './catalogue/ingress-nlb.ts';
import { workloadJobs } from './catalogue/jobs.ts';
import { lbService } from './catalogue/lb-service.ts';
import { leaks } from './catalogue/leaks.ts';
import { loadSlo } from './catalogue/load-slo.ts';
import { logBackend } from './catalogue/log-backend.ts';
import { metricsApi } from './catalogue/metrics-api.ts';
import { namespaceLifecycle } from './catalogue/namespace-lifecycle.ts';
import { networkHttp, networkHttpAfterUpdate } from './catalogue/network-http.ts';
import { networkPolicy } from './catalogue/network-policy.ts';
import { nodeAutoscaling } from './catalogue/node-autoscaling.ts';
import { kubeletRestart, nodeReboot, spotTermination } from './catalogue/node-disruption.ts';
import { nodeMesh } from './catalogue/node-mesh.ts';
import { nodePools } from './catalogue/node-pools.ts';
import { pdbEviction } from './catalogue/pdb-eviction.ts';
import { podAutoscaling } from './catalogue/pod-autoscaling.ts';
import { podSecurity } from './catalogue/pod-security.ts';
import { pvcMount } from './catalogue/pvc-mount.ts';
import { registryPull } from './catalogue/registry-pull.ts';
import { gatewayApi, routeGroup } from './catalogue/routing.ts';
import { serviceEndpoints } from './catalogue/service-endpoints.ts';
import { serviceMonitor } from './catalogue/service-monitor.ts';
import { statefulSetBasic } from './catalogue/statefulset-basic.ts';
import { statefulSetMultizone } from './catalogue/statefulset-multizone.ts';
import { workloadsReady } from './catalogue/workloads-ready.ts';
import type { CheckDefinition } from './contract.ts';

/** Every check, in the order in which reports list them. */
export const catalogue: CheckDefinition[] = [
  apiHealth,
  controlPlanePods,
  workloadsReady,
  daemonSetCurrent,
  namespaceLifecycle,
  auditLog,
  authzMatrix,
  podSecurity,
  imagePolicy,
  admissionWebhooks,
  registryPull,
  cloudIdentity,
  certificatesExpiry,
  deploymentCreate,
  deploymentUpdate,
  deploymentScale,
  daemonSetAllNodes,
  statefulSetBasic,
  workloadJobs,
  pvcMount,
  statefulSetMultizone,
  nodePools,
  gpuJob,
  kubeletRestart,
  nodeReboot,
  spotTermination,
  serviceEndpoints,
  networkHttp,
  networkHttpAfterUpdate,
  nodeMesh,
  networkPolicy,
  clusterDns,
  lbService,
  ingressEndToEnd,
  ingressNlb,
  gatewayApi,
  routeGroup,
  externalDns,
  certsHttp01,
  certsDns01,
  nodeAutoscaling,
  podAutoscaling,
  pdbEviction,
  generations,
  loadSlo,
  metricsApi,
  serviceMonitor,
  logBackend,
  customContainer,
  ...declarativeSuites,
  leaks,
  ...conformanceChecks,
];

const conformance = (name: string): CheckDefinition[] =>
  conformanceChecks.filter((check) => check.id === `conformance.${name}`);

/** Profiles by name; `smoke` runs after every cluster update. A profile lists its checks: nothing is matched by name. */
export const profiles: Record<string, CheckDefinition[]> = {
  smoke: [apiHealth, workloadsReady, namespaceLifecycle, deploymentCreate, serviceEndpoints, networkHttp, clusterDns],
  /** Needs no add-on: what any conformant cluster offers. */
  core: [
    apiHealth,
    controlPlanePods,
    workloadsReady,
    daemonSetCurrent,
    namespaceLifecycle,
    podSecurity,
    admissionWebhooks,
    certificatesExpiry,
    deploymentCreate,
    deploymentUpdate,
    deploymentScale,
    daemonSetAllNodes,
    statefulSetBasic,
    workloadJobs,
    nodePools,
    serviceEndpoints,
    networkHttp,
    networkHttpAfterUpdate,
    nodeMesh,
    clusterDns,
    pdbEviction,
    leaks,
  ],
  addons: [
    auditLog,
    authzMatrix,
    registryPull,
    pvcMount,
    statefulSetMultizone,
    gpuJob,
    networkPolicy,
    lbService,
    ingressEndToEnd,
    ingressNlb,
    gatewayApi,
    routeGroup,
    externalDns,
    certsHttp01,
    certsDns01,
    imagePolicy,
    cloudIdentity,
    nodeAutoscaling,
    podAutoscaling,
    metricsApi,
    serviceMonitor,
    logBackend,
    customContainer,
    ...declarativeSuites,
  ],
  /** Small enough to run all day on every cluster. */
  periodic: [
    namespaceLifecycle,
    deploymentCreate,
    deploymentUpdate,
    deploymentScale,
    serviceEndpoints,
    networkHttp,
    networkHttpAfterUpdate,
    clusterDns,
  ],
  /** Disturb nodes of pools that are there for it. */
  nodes: [pdbEviction, kubeletRestart, nodeReboot, spotTermination],
  /** While nodes are replaced. */
  'mid-roll': [generations],
  /** The same, and a service under load that must not notice. */
  'mid-roll-load': [generations, loadSlo],
  /** The objective alone: before the change, and after it. */
  load: [loadSlo],
  /** The upstream suite takes hours: it is asked for by name. */
  conformance: conformance('non-disruptive'),
  'conformance-quick': conformance('quick'),
  'conformance-lite': conformance('lite'),
  'conformance-certified': conformance('certified'),
  'conformance-statefulset': conformance('statefulset'),
  'conformance-zalando': conformance('zalando'),
  'conformance-custom': conformance('custom'),
  full: catalogue.filter((check) => check.area !== 'conformance'),
};
