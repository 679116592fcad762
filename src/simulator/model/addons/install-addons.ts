import type { AggregatedApi } from '../kube/aggregated-api.ts';
import { awsCli } from '../programs/aws-cli.ts';
import { conformanceSuite } from '../programs/conformance/suite-program.ts';
import { declarativeSuite } from '../programs/declarative-suite.ts';
import { gpuSample } from '../programs/gpu-sample.ts';
import type { AddonContext } from './addon.ts';
import { ImagePolicy, PodIdentity } from './admission-servers.ts';
import { ClusterAutoscaler } from './autoscaler/cluster-autoscaler.ts';
import { acmeSolver, CertManager } from './cert-manager.ts';
import { CustomMetrics } from './custom-metrics.ts';
import { ExternalDns } from './external-dns.ts';
import { IngressController } from './ingress.ts';
import { Karpenter } from './karpenter/karpenter.ts';
import { LoadBalancers } from './load-balancers.ts';
import { LogBackend } from './log-backend.ts';
import { MetricsServer } from './metrics-api.ts';
import { NodeProblems } from './node-problems.ts';
import { PodAutoscaler } from './pod-autoscaler.ts';
import { Prometheus } from './prometheus.ts';
import { GatewayController, Skipper } from './route-controllers.ts';
import { SpotHandler } from './spot-handler.ts';

/** Makes the add-ons known by their images; each begins when a container of its image does. Returns the APIs that they serve. */
export function installAddons(ctx: AddonContext): AggregatedApi[] {
  const metrics = new MetricsServer(ctx);
  const custom = new CustomMetrics(ctx);
  const addons = [
    new LoadBalancers(ctx),
    new IngressController(ctx),
    new GatewayController(ctx),
    new Skipper(ctx),
    new ExternalDns(ctx),
    new ClusterAutoscaler(ctx),
    new Karpenter(ctx),
    new NodeProblems(ctx),
    new CertManager(ctx),
    new Prometheus(ctx),
    new ImagePolicy(ctx),
    new PodIdentity(ctx),
    new LogBackend(ctx),
    new SpotHandler(ctx),
    metrics,
    custom,
  ];
  for (const addon of addons) {
    const program = addon.program();
    for (const image of addon.images) ctx.runtime.programs.add(image, program);
  }
  ctx.runtime.programs.add('cert-manager-acmesolver', acmeSolver());
  new PodAutoscaler(ctx);
  const { api, cloud, runtime } = ctx;
  runtime.programs.add('aws-cli', awsCli({ cloud, faults: runtime.faults }));
  runtime.programs.add('cuda-sample', gpuSample(runtime.faults));
  for (const name of ['chainsaw', 'kuttl'] as const)
    runtime.programs.add(name, declarativeSuite(name, { api, resources: ctx.core.resources }));
  runtime.programs.add('conformance', conformanceSuite({ api, dns: runtime.dns }));
  return [metrics, custom, custom.external];
}
