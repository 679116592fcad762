import { addon, definition } from '../addons.ts';
import type { CheckCase } from '../check-cases.ts';
import { type CheckWorld, dnsService } from '../check-world.ts';

const minute = 60_000;

export const balancers = (world: CheckWorld): void =>
  world.kube.seed([addon('balancers', 'aws-load-balancer-controller:2')]);

/** A controller behind a load balancer, and a class. */
export function ingress(world: CheckWorld, more: string[] = []): void {
  balancers(world);
  world.kube.seed([
    addon('ingress', 'ingress-nginx/controller:v1.11', ['--publish-service=kube-system/ingress', ...more], [80, 443]),
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'ingress', namespace: 'kube-system' },
      spec: {
        type: 'LoadBalancer',
        selector: { app: 'ingress' },
        ports: [
          { name: 'http', port: 80, protocol: 'TCP' },
          { name: 'https', port: 443, protocol: 'TCP' },
        ],
      },
    },
    {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'IngressClass',
      metadata: { name: 'nginx' },
      spec: { controller: 'k8s.io/ingress-nginx' },
    },
  ]);
}

function names(world: CheckWorld, args: string[] = []): void {
  world.world.internet.zone('example.org');
  world.cluster.configItems['e2e_dns_zone'] = 'example.org';
  world.kube.seed([addon('names', 'external-dns:v0.15', ['--txt-owner-id=me', '--interval=30s', ...args])]);
}

async function authorities(world: CheckWorld): Promise<void> {
  const group = 'cert-manager.io';
  world.kube.seed([
    definition(group, 'certificates', 'Certificate'),
    definition(group, 'certificaterequests', 'CertificateRequest'),
    definition(group, 'issuers', 'Issuer'),
    definition(group, 'clusterissuers', 'ClusterIssuer', 'Cluster'),
  ]);
  await world.pass(minute);
  const issuer = (name: string, solver: object): object => ({
    apiVersion: 'cert-manager.io/v1',
    kind: 'ClusterIssuer',
    metadata: { name },
    spec: {
      acme: {
        server: 'https://acme.simulated.test/directory',
        privateKeySecretRef: { name: `${name}-key` },
        solvers: [solver],
      },
    },
  });
  world.kube.seed([
    addon('cert-manager', 'quay.io/jetstack/cert-manager-controller:v1.16'),
    issuer('by-http', { http01: { ingress: { ingressClassName: 'nginx' } } }),
    issuer('by-dns', { dns01: { route53: { region: 'eu-central-1' } } }),
  ]);
  world.cluster.configItems['e2e_acme_issuer'] = 'by-http';
  world.cluster.configItems['e2e_acme_dns_issuer'] = 'by-dns';
}

const off = (name: string) => ({
  by: (world: CheckWorld) => world.kube.runtimeFaults.set({ addons: { [name]: 'off' } }),
  outcome: 'timedout',
});

export const addonCases: CheckCase[] = [
  {
    check: 'api.audit-log',
    given: (world) => {
      world.cluster.configItems['e2e_audit_source'] = 'apiserver-logs';
    },
    evidence: /^create, update, patch, delete by \S+ are in the log$/,
    broken: {
      'a log that nobody writes any more': {
        by: (world) => {
          world.kube.faults.auditLog = 'broken';
        },
        outcome: 'timedout',
        message: /^create, update, patch, delete of pod marker-[0-9a-f]{8} are not in the audit log within 300 s; /,
      },
    },
  },
  {
    check: 'security.registry-pull',
    given: (world) => {
      world.cluster.configItems['e2e_pull_images'] = 'registry.example.org/team/app:1, vanity.example.org/app:1';
    },
    evidence: /^2 images: registry\.example\.org\/team\/app:1, vanity\.example\.org\/app:1$/,
    broken: {
      'a registry that refuses': {
        by: (world) => {
          world.kube.faults.imagePull = 'broken';
        },
        outcome: 'timedout',
        message: /2 of 2 are not; registry\.example\.org\/team\/app:1: pull-0: (ErrImagePull|ImagePullBackOff)/,
      },
    },
  },
  {
    check: 'ingress.endtoend',
    given: async (world) => {
      ingress(world);
      await world.pass(5 * minute);
    },
    evidence: /^nginx: ingress-[0-9a-f]{8}\.clm-e2e\.invalid by way of \S+$/,
    broken: {
      'a controller that does nothing': {
        ...off('ingress'),
        message: /an address of the ingress: not within 480 s; its status names none/,
      },
      'nodes that route no service': {
        by: (world) => world.kube.runtimeFaults.set({ proxyDown: ['*'] }),
        message: /failed: /,
      },
      'a controller that leaves people on http': {
        by: (world) => world.kube.runtimeFaults.set({ proxyMistakes: ['redirects'] }),
        outcome: 'timedout',
        message: /^http:\/\/secure-\S+ answers with status 200, and does not lead to https$/,
      },
      'a controller that answers with errors': {
        by: (world) => world.kube.runtimeFaults.set({ images: { 'ingress-nginx': 'failing' } }),
        message: /answers with status 500, not 200|failed/,
      },
    },
  },
  {
    check: 'dns.external-dns',
    given: async (world) => {
      balancers(world);
      names(world);
      await world.pass(2 * minute);
    },
    evidence: /^dns-[0-9a-f]{8}\.example\.org → \S+, and gone again$/,
    broken: {
      'nobody who writes names': {
        ...off('external-dns'),
        message: /does not appear within 480 s at \S+: the answer is NXDOMAIN/,
      },
      'somebody else who keeps the name alive': {
        by: (world) =>
          world.when('clm-e2e', 'services', 1, () => {
            const zone = world.world.internet.zone('example.org');
            const held = (): void => {
              const name = zone
                .keys()
                .find((key) => key.startsWith('dns-') && key.endsWith(' CNAME'))
                ?.split(' ')[0];
              if (name !== undefined) world.kube.runtimeFaults.set({ addons: { 'external-dns': 'off' } });
              else world.world.clock.at(world.world.clock.now() + 1_000, held);
            };
            held();
          }),
        outcome: 'timedout',
        message: /does not go within 480 s at \S+: it is \S+|no TXT record beside/,
      },
    },
  },
  {
    check: 'certs.dns01',
    given: async (world) => {
      names(world);
      await authorities(world);
      await world.pass(2 * minute);
    },
    evidence: /^dns01-[0-9a-f]{8}\.example\.org: issued by CN=Simulated Issuing R3, until 2026-/,
    broken: {
      'nobody who issues': {
        ...off('cert-manager'),
        message: /the certificate: not within 480 s; nobody has looked at it: is cert-manager running\?/,
      },
      'an issuer that is not there': {
        by: (world) => {
          world.cluster.configItems['e2e_acme_dns_issuer'] = 'nobody';
        },
        outcome: 'timedout',
        message: /the certificate: not within 480 s; IssuerNotReady/,
      },
    },
  },
  {
    check: 'certs.http01',
    given: async (world) => {
      ingress(world);
      names(world);
      await authorities(world);
      await world.pass(6 * minute);
    },
    evidence: /^http01-[0-9a-f]{8}\.example\.org: issued by CN=Simulated Issuing R3/,
    broken: {
      'nobody who issues': {
        ...off('cert-manager'),
        message: /the certificate: not within 480 s; nobody has looked at it/,
      },
      'names that lead nowhere': {
        by: (world) => world.kube.runtimeFaults.set({ addons: { 'external-dns': 'off' } }),
        message: /failed: dns-nxdomain/,
      },
    },
  },
  {
    check: 'obs.servicemonitor',
    given: async (world) => {
      const group = 'monitoring.coreos.com';
      world.kube.seed([
        definition(group, 'servicemonitors', 'ServiceMonitor'),
        definition(group, 'prometheuses', 'Prometheus'),
      ]);
      await world.pass(minute);
      world.kube.seed([
        addon('prometheus', 'quay.io/prometheus/prometheus:v2.54', [], [9090]),
        {
          ...dnsService,
          metadata: { name: 'prometheus', namespace: 'kube-system' },
          spec: { selector: { app: 'prometheus' }, ports: [{ name: 'web', port: 9090, protocol: 'TCP' }] },
        },
        {
          apiVersion: `${group}/v1`,
          kind: 'Prometheus',
          metadata: { name: 'main', namespace: 'kube-system' },
          spec: { serviceMonitorSelector: { matchLabels: { scrape: 'yes' } } },
        },
      ]);
      await world.pass(2 * minute);
    },
    evidence: /^found, scraped, followed, forgotten$/,
    broken: {
      'a Prometheus that is gone': {
        by: async (world) => {
          const deployment = addon('prometheus', 'quay.io/prometheus/prometheus:v2.54') as { spec: object };
          world.kube.seed([{ ...deployment, spec: { ...deployment.spec, replicas: 0 } }]);
          await world.pass(2 * minute);
        },
        message: /Prometheus answers 503 at /,
      },
      'a Prometheus that answers with errors': {
        by: (world) => world.kube.runtimeFaults.set({ addons: { prometheus: 'broken' } }),
        message: /Prometheus answers 5\d\d at /,
      },
    },
  },
];

const controlPlane = (world: CheckWorld, components: string[]): void => {
  const [node = ''] = world.nodeNames();
  world.label(node, { 'node-role.kubernetes.io/control-plane': '' });
  world.kube.seed(
    components.map((name) => ({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        name: `${name}-${node}`,
        namespace: 'kube-system',
        annotations: { 'kubernetes.io/config.mirror': 'c0ffee' },
      },
      spec: { nodeName: node, containers: [{ name, image: `registry.k8s.io/${name}:v1.31.4` }] },
    })),
  );
};

addonCases.push(
  {
    check: 'api.controlplane-pods',
    given: async (world) => {
      controlPlane(world, ['kube-apiserver', 'kube-controller-manager', 'kube-scheduler']);
      await world.pass(2 * minute);
    },
    evidence: /^3 components ready on 1 control-plane nodes$/,
    broken: {
      'a control-plane node that runs none of them': {
        by: (world) => world.label(world.nodeNames()[1] ?? '', { 'node-role.kubernetes.io/control-plane': '' }),
        message:
          /^kube-apiserver has no mirror pod on \S+; kube-controller-manager .*; kube-scheduler has no mirror pod on \S+$/,
      },
    },
  },
  {
    check: 'obs.metrics-api',
    given: async (world) => {
      world.kube.seed([
        addon('metrics-server', 'metrics-server/metrics-server:v0.7.2'),
        {
          apiVersion: 'apiregistration.k8s.io/v1',
          kind: 'APIService',
          metadata: { name: 'v1beta1.metrics.k8s.io' },
          spec: {
            group: 'metrics.k8s.io',
            version: 'v1beta1',
            service: { name: 'metrics-server', namespace: 'kube-system' },
            groupPriorityMinimum: 100,
            versionPriority: 100,
          },
        },
      ]);
      await world.pass(2 * minute);
    },
    evidence: /^4 nodes and \d+ pods of kube-system have metrics$/,
    broken: {
      'a metrics server that does nothing': {
        by: async (world) => {
          world.kube.runtimeFaults.set({ addons: { 'metrics-server': 'off' } });
          await world.pass(minute);
        },
        message: /^the metrics API answers 503 for nodes: /,
      },
    },
  },
  {
    check: 'workload.jobs',
    evidence: /^a job completed; a cron job started one and none while suspended$/,
    broken: {
      'images that cannot be pulled': {
        by: (world) => {
          world.kube.faults.imagePull = 'broken';
        },
        outcome: 'timedout',
        message: /job once complete: not within 180 s; 1 jobs are there, none is complete/,
      },
      'controllers that stop': {
        by: (world) =>
          world.when('clm-e2e', 'jobs.batch', 1, () => {
            world.kube.faults.workloads = 'broken';
          }),
        outcome: 'timedout',
        message: /none is complete/,
      },
    },
  },
);
