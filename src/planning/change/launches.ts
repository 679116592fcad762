/** What the template of a node pool's stack says that its groups launch. */
import type { RenderedStack } from '../../domain/rendered.ts';
import { stackData } from './shown-text.ts';

type Data = Readonly<Record<string, unknown>>;

export interface Launches {
  /** What instances are made from, by logical id: the data of a launch template, or the properties of a launch configuration. */
  templates: ReadonlyMap<string, Data>;
  groups: readonly LaunchingGroup[];
  /** Text of the user data that clm renders apart; undefined when the template has its own, or none. */
  userData: string | undefined;
}

export interface LaunchingGroup {
  /** Logical id. */
  id: string;
  /** Logical id of what it launches from; undefined when it is none of this template, or cannot be told. */
  template: string | undefined;
  /** Types that a mixed group may launch, sorted; empty where the template's own counts. */
  instanceTypes: readonly string[];
}

/** undefined when the template cannot be read. */
export function launchesOf(stack: Pick<RenderedStack, 'template' | 'shown'>): Launches | undefined {
  const shown = stack.shown ?? { template: stack.template };
  const data = stackData(shown.template);
  const resources = isData(data) && isData(data['Resources']) ? data['Resources'] : undefined;
  if (resources === undefined) return undefined;
  const templates = new Map<string, Data>();
  const names = new Map<string, string>();
  const groups: (readonly [id: string, properties: Data])[] = [];
  for (const [id, resource] of Object.entries(resources)) {
    if (!isData(resource) || !isData(resource['Properties'])) continue;
    const properties = resource['Properties'];
    if (resource['Type'] === 'AWS::AutoScaling::AutoScalingGroup') groups.push([id, properties]);
    const launched = launchedBy(resource['Type'], properties);
    if (!isData(launched)) continue;
    templates.set(id, launched);
    const name = properties['LaunchTemplateName'] ?? properties['LaunchConfigurationName'];
    if (typeof name === 'string') names.set(name, id);
  }
  const idOf = (reference: unknown): string | undefined => {
    const name = isData(reference) ? reference['Ref'] : reference;
    if (typeof name !== 'string') return undefined;
    return templates.has(name) ? name : names.get(name);
  };
  return {
    templates,
    groups: groups.map(([id, properties]) => ({ id, ...groupOf(properties, idOf) })),
    userData: shown.userData,
  };
}

function launchedBy(type: unknown, properties: Data): unknown {
  if (type === 'AWS::EC2::LaunchTemplate') return properties['LaunchTemplateData'];
  return type === 'AWS::AutoScaling::LaunchConfiguration' ? properties : undefined;
}

function groupOf(properties: Data, idOf: (reference: unknown) => string | undefined): Omit<LaunchingGroup, 'id'> {
  const policy = properties['MixedInstancesPolicy'];
  const mixed = isData(policy) && isData(policy['LaunchTemplate']) ? policy['LaunchTemplate'] : {};
  const overrides = Array.isArray(mixed['Overrides']) ? (mixed['Overrides'] as unknown[]) : [];
  const named = properties['LaunchTemplate'] ?? mixed['LaunchTemplateSpecification'];
  const by = isData(named) ? (named['LaunchTemplateId'] ?? named['LaunchTemplateName'] ?? named) : named;
  return {
    template: idOf(by ?? properties['LaunchConfigurationName']),
    instanceTypes: overrides.map((one) => (isData(one) ? String(one['InstanceType']) : '')).sort(),
  };
}

function isData(value: unknown): value is Data {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
