/** How people and programs reach a served fleet. */
import { chmod, readFile, writeFile } from 'node:fs/promises';
import { stringify } from 'yaml';
import type { World } from '../../simulator/model/world.ts';
import type { ServedWorld } from '../../simulator/wire/serve.ts';
import { badInput } from '../exit.ts';

export interface Reach {
  served: ServedWorld;
  world: World;
  /** Path of the file. */
  kubeconfig: string;
  speed: number;
}

const mark = '# written by clm simulate serve; it may be overwritten';
const accountsShown = 8;

/** An access key of this account: the account is all that it says. */
function accessKey(account: string): string {
  return `AKIA${account}`;
}

/** Somebody's own kubeconfig is never overwritten. @throws CliError */
export async function checkKubeconfigPlace(file: string): Promise<void> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw badInput(`--kubeconfig ${file} cannot be used: ${(error as Error).message}`);
  }
  if (!text.startsWith(mark))
    throw badInput(`${file} is there already and not ours: give --kubeconfig another path, or remove it`);
}

/** For its owner's eyes alone. */
export async function writeKubeconfig(file: string, content: Record<string, unknown>): Promise<void> {
  try {
    await writeFile(file, `${mark}\n${stringify(content)}`, { mode: 0o600 });
    await chmod(file, 0o600);
  } catch (error) {
    throw badInput(`the kubeconfig cannot be written: ${(error as Error).message}`);
  }
}

/** The first line of `-o json`. */
export function reachDocument({ served, world, kubeconfig, speed }: Reach): Record<string, unknown> {
  return {
    kind: 'serving',
    awsEndpoint: served.awsEndpoint,
    controlUrl: served.controlUrl,
    kubeconfig,
    contexts: world.clusters(),
    places: world.places().map((place) => ({
      ...place,
      accessKeyId: accessKey(place.account),
      secretAccessKey: 'simulated',
    })),
    speed,
  };
}

export function howToReach({ served, world, kubeconfig, speed }: Reach): string {
  const clusters = world.clusters();
  const nodes = clusters.reduce((sum, id) => sum + world.kube(id).truth().nodes.size, 0);
  const pods = clusters.reduce((sum, id) => sum + world.kube(id).truth().pods.size, 0);
  const places = world.places();
  const first = places[0] ?? { account: '', region: '' };
  const shown = places.slice(0, accountsShown).map(({ account, region }) => `    ${account}  ${region}`);
  if (places.length > accountsShown) shown.push(`    and ${places.length - accountsShown} more`);
  return `
Serving ${clusters.length} clusters with ${nodes} nodes and ${pods} pods, ${speed} simulated seconds a second. Ctrl-C stops it.

AWS: any client, with an access key AKIA<account> and any secret.
    export AWS_ENDPOINT_URL=${served.awsEndpoint} AWS_REGION=${first.region} AWS_DEFAULT_REGION=${first.region}
    export AWS_ACCESS_KEY_ID=${accessKey(first.account)} AWS_SECRET_ACCESS_KEY=simulated
    aws autoscaling describe-auto-scaling-groups
  Accounts and regions:
${shown.join('\n')}

Kubernetes: a context for each cluster; any token is let in.
    kubectl --kubeconfig ${kubeconfig} --context ${clusters[0] ?? ''} get nodes

Faults, while it runs:
    curl ${served.controlUrl}/faults -d '{"kind": "throttle", "api": "autoscaling", "for": "1m"}'
    curl ${served.controlUrl}/faults          # -X DELETE stops them all

`;
}
