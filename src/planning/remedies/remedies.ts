import { awsRemedies } from './aws-remedies.ts';
import { gateRemedies } from './gate-remedies.ts';
import { gitRemedies } from './git-remedies.ts';
import { kubeRemedies } from './kube-remedies.ts';
import { kubernetesRemedies } from './kubernetes-remedies.ts';
import { outsideRemedies } from './outside-remedies.ts';
import { pipelineRemedies } from './pipeline-remedies.ts';
import type { Remedy } from './remedy.ts';
import { rollRemedies } from './roll-remedies.ts';
import { storeRemedies } from './store-remedies.ts';

/** Every code that `clm status` and `clm why` can show, with what to do about it. A test holds it against the source. */
export function remedies(): Map<string, Remedy> {
  return new Map(
    [
      awsRemedies,
      kubeRemedies,
      kubernetesRemedies,
      gitRemedies,
      gateRemedies,
      storeRemedies,
      rollRemedies,
      pipelineRemedies,
      outsideRemedies,
    ].flatMap((group) => Object.entries(group)),
  );
}
