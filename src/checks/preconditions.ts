import type { Capability, Quarantine } from '../ports/check-runner.ts';
import type { CheckContext, CheckDefinition, SkipReason } from './contract.ts';

/** Known by a setting, not by looking at the cluster. */
const configured = new Set<Capability>([
  'audit-log',
  'cloud-identity',
  'image-policy',
  'log-backend',
  'private-registry',
  'spot-handler',
]);

/** Why the check is not run here, before its own `plan` is asked; undefined when it may. */
export async function whyNotHere(
  check: CheckDefinition,
  context: CheckContext,
  quarantines: Quarantine[],
): Promise<SkipReason | undefined> {
  const held = activeQuarantine(check.id, context.cluster.id, quarantines, context.clock.now());
  if (held !== undefined) {
    const until = new Date(held.until).toISOString();
    const issue = held.issue === undefined ? '' : ` (${held.issue})`;
    return { code: 'QUARANTINED', message: `until ${until} by ${held.actor}: ${held.reason}${issue}` };
  }
  if (check.disruptive && !context.settings.disruptiveAllowed) {
    return {
      code: 'DISRUPTIVE_NOT_ALLOWED',
      message: 'it disturbs nodes or workloads, and e2e_allow_disruptive is not true for this cluster',
    };
  }
  if (check.serial && context.cluster.environment === 'production' && !context.settings.serialAllowed) {
    return {
      code: 'DISRUPTIVE_NOT_ALLOWED',
      message:
        'it wants the cluster for itself, this one is production, and neither e2e_allow_serial nor e2e_allow_disruptive is true',
    };
  }
  if (check.providers !== 'any') {
    const provider = await context.facts.provider();
    if (!check.providers.includes(provider)) {
      return { code: 'PROVIDER_UNSUPPORTED', message: `it is for ${check.providers.join(', ')}; this is ${provider}` };
    }
  }
  for (const capability of check.requires) {
    const missing = await context.facts.lacks(capability);
    if (missing === undefined) continue;
    const code = configured.has(capability) ? 'CONFIG_MISSING' : 'CAPABILITY_ABSENT';
    return { code, message: `no ${capability}: ${missing}`, capability };
  }
  for (const resource of check.uses) {
    if (await context.facts.serves(resource)) continue;
    const api = `${resource.group}/${resource.version}`;
    return { code: 'CAPABILITY_ABSENT', message: `the API does not serve ${resource.kind} of ${api}` };
  }
  return tooSmall(check, context);
}

async function tooSmall(check: CheckDefinition, { facts }: CheckContext): Promise<SkipReason | undefined> {
  if (check.minNodes > 0) {
    const found = (await facts.schedulableNodes()).length;
    if (found < check.minNodes) {
      const message = `${check.minNodes} schedulable ${check.minNodes === 1 ? 'node is' : 'nodes are'} needed, there ${found === 1 ? 'is 1' : `are ${found}`}${await unheard(facts)}`;
      return { code: 'NOT_ENOUGH_NODES', message, capability: 'multi-node' };
    }
  }
  if (check.minZones > 0) {
    const found = (await facts.zones()).length;
    if (found < check.minZones) {
      const message = `${check.minZones} zones with schedulable nodes are needed, there ${found === 1 ? 'is 1' : `are ${found}`}`;
      return { code: 'NOT_ENOUGH_ZONES', message, capability: 'multi-zone' };
    }
  }
  return undefined;
}

/** Who counts the nodes by hand finds more of them. */
async function unheard(facts: CheckContext['facts']): Promise<string> {
  const silent = [...(await facts.silentNodes())].sort();
  if (silent.length === 0) return '';
  return `; nothing is heard of the kubelets of ${silent.slice(0, 3).join(', ')}${silent.length > 3 ? ` and ${silent.length - 3} more` : ''}: their leases are not renewed`;
}

/** The quarantine that holds now; an expired one holds nothing. */
export function activeQuarantine(
  check: string,
  cluster: string,
  quarantines: Quarantine[],
  now: number,
): Quarantine | undefined {
  return quarantines.find(
    (one) => one.check === check && one.until > now && (one.cluster === undefined || one.cluster === cluster),
  );
}

/** A skip for something that the registry says the cluster has is a failure of the cluster. */
export function declaredButAbsent(
  reason: SkipReason,
  check: CheckDefinition,
  expects: ReadonlySet<string>,
): Capability | undefined {
  if (reason.code === 'QUARANTINED' || reason.code === 'DISRUPTIVE_NOT_ALLOWED' || reason.code === 'NOT_SELECTED') {
    return undefined;
  }
  if (reason.capability !== undefined) return expects.has(reason.capability) ? reason.capability : undefined;
  return check.requires.find((capability) => expects.has(capability));
}
