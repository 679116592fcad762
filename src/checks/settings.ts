import type { Cluster } from '../domain/cluster.ts';
import type { Capability } from '../ports/check-runner.ts';

/** A small server that every cluster can pull. */
const serverImage = 'nginx:1.27-alpine';
/** The probe program of this project (deploy/probe). */
const probeImage = 'clm-probe:1';

/** All that a cluster can be expected to offer. */
export const capabilities: readonly Capability[] = [
  'audit-log',
  'autoscaler',
  'cert-manager',
  'cloud-identity',
  'custom-metrics',
  'external-dns',
  'gateway-api',
  'gpu',
  'image-policy',
  'ingress',
  'load-balancer',
  'log-backend',
  'metrics-api',
  'multi-node',
  'multi-zone',
  'network-policy',
  'pod-security',
  'private-registry',
  'prometheus',
  'routegroup',
  'spot-handler',
  'storage',
  'volume-snapshots',
];

/** Every setting, without the `e2e_` that its config item begins with. */
export const settingNames = [
  'acme_dns_issuer',
  'acme_issuer',
  'allow_disruptive',
  'allow_serial',
  'audit_source',
  'authz_rules',
  'authz_table',
  'chainsaw_args',
  'chainsaw_image',
  'chainsaw_tests',
  'cluster_domain',
  'conformance_focus',
  'conformance_image',
  'conformance_procs',
  'conformance_registry',
  'conformance_repository',
  'conformance_skip',
  'custom_args',
  'custom_image',
  'custom_results',
  'custom_timeout',
  'dns_service',
  'dns_zone',
  'expects',
  'external_name',
  'gateway_class',
  'gpu_image',
  'hpa_metrics',
  'identity_bucket',
  'identity_command',
  'identity_image',
  'identity_role',
  'image',
  'image_policy_allowed',
  'image_policy_denied',
  'image_policy_exempt',
  'image_registry',
  'ingress_class',
  'ingress_nlb',
  'ingress_redirect',
  'keep_on_failure',
  'kuttl_args',
  'kuttl_image',
  'kuttl_tests',
  'load_balancers',
  'load_for',
  'load_max_bad',
  'load_max_outage',
  'load_max_p99',
  'load_rps',
  'load_url',
  'logs_query',
  'node_test_pool',
  'pool_label',
  'probe_image',
  'prometheus_service',
  'pull_images',
  'reap',
  'reboot_expect',
  'reboot_test_pool',
  'spot_event_reason',
  'spot_notice_file',
  'suite_role',
  'suite_timeout',
] as const;

type SettingName = (typeof settingNames)[number];

/** Settings of the checks for one cluster: its config items that begin with `e2e_`, read once and by name. */
export class CheckSettings {
  readonly #items: Record<string, string>;
  /** What the cluster must offer (`e2e_expects`). */
  readonly expects: ReadonlySet<string>;

  constructor(cluster: Cluster) {
    this.#items = cluster.configItems;
    this.expects = new Set(words(this.#items['e2e_expects']));
  }

  /** The value of `e2e_<name>`; undefined when it is not set, or empty. */
  get(name: SettingName): string | undefined {
    const value = this.#items[`e2e_${name}`];
    return value === undefined || value.trim() === '' ? undefined : value.trim();
  }

  /** Whether checks that disturb nodes or workloads may run here: never unless the registry says so. */
  get disruptiveAllowed(): boolean {
    return this.get('allow_disruptive') === 'true';
  }

  /** Whether checks that want the cluster for themselves may run on production. */
  get serialAllowed(): boolean {
    return this.disruptiveAllowed || this.get('allow_serial') === 'true';
  }

  /** The version that the API server is to have: of the registry, or as a standalone run was told. */
  get kubernetesVersion(): string | undefined {
    return this.#items['kubernetes_version'];
  }

  get serverImage(): string {
    return this.#resolve(this.get('image') ?? serverImage);
  }

  get probeImage(): string {
    return this.#resolve(this.get('probe_image') ?? probeImage);
  }

  /** `e2e_image_registry` goes before images that name no registry: air-gapped clusters. */
  #resolve(image: string): string {
    const registry = this.get('image_registry');
    const first = image.split('/')[0] as string;
    const named = image.includes('/') && (first.includes('.') || first.includes(':'));
    return registry === undefined || named ? image : `${registry.replace(/\/+$/, '')}/${image}`;
  }
}

/** Names in `e2e_expects` that mean nothing: a typo there would silently weaken a gate. */
export function unknownCapabilities(settings: CheckSettings): string[] {
  return [...settings.expects].filter((name) => !(capabilities as readonly string[]).includes(name));
}

function words(value: string | undefined): string[] {
  return (value ?? '').split(/[\s,]+/).filter((word) => word !== '');
}
