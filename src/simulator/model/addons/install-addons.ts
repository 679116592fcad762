import type { AggregatedApi } from '../kube/aggregated-api.ts';
import { conformanceSuite } from '../programs/conformance/suite-program.ts';
import type { AddonContext } from './addon.ts';
import { ClusterAutoscaler } from './autoscaler/cluster-autoscaler.ts';
import { acmeSolver, CertManager } from './cert-manager.ts';
import { ExternalDns } from './external-dns.ts';
import { IngressController } from './ingress.ts';
import { LoadBalancers } from './load-balancers.ts';
import { MetricsServer } from './metrics-api.ts';
import { NodeProblems } from './node-problems.ts';
import { Prometheus } from './prometheus.ts';

/** Makes the add-ons known by their images; each begins when a container of its image does. Returns the APIs that they serve. */
export function installAddons(ctx: AddonContext): AggregatedApi[] {
  const metrics = new MetricsServer(ctx);
  const addons = [
    new LoadBalancers(ctx),
    new IngressController(ctx),
    new ExternalDns(ctx),
    new ClusterAutoscaler(ctx),
    new NodeProblems(ctx),
    new CertManager(ctx),
    new Prometheus(ctx),
    metrics,
  ];
  for (const addon of addons) {
    const program = addon.program();
    for (const image of addon.images) ctx.runtime.programs.add(image, program);
  }
  ctx.runtime.programs.add('cert-manager-acmesolver', acmeSolver());
  const { api, runtime } = ctx;
  runtime.programs.add('conformance', conformanceSuite({ api, dns: runtime.dns }));
  return [metrics];
}
