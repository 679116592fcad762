/** Which parts of a node pool's stack make its nodes outdated, and what of them differs. */
import type { RenderedStack } from '../../domain/rendered.ts';
import { stackData } from './shown-text.ts';

type Data = Readonly<Record<string, unknown>>;

const mostCauses = 6;

/** One short sentence for each difference that replaces nodes; empty when the stack can change under its nodes. */
export function rollCauses(before: RenderedStack, after: RenderedStack, redact: (text: string) => string): string[] {
  const was = launchParts(before);
  const will = launchParts(after);
  if (was === undefined || will === undefined) return ['its template cannot be read'];
  const causes: string[] = [];
  const paths = [...new Set([...was.keys(), ...will.keys()])].sort();
  for (const path of paths) {
    const [a, b] = [was.get(path), will.get(path)];
    if (a === b) continue;
    causes.push(path === userDataPath ? 'user data' : redact(`${shortPath(path)} ${a ?? 'none'} → ${b ?? 'none'}`));
  }
  if (causes.length <= mostCauses) return causes;
  return [...causes.slice(0, mostCauses), `and ${causes.length - mostCauses} more`];
}

const userDataPath = 'UserData';

/** Every leaf of what a group launches, by its path. */
function launchParts(stack: RenderedStack): Map<string, string> | undefined {
  const shown = stack.shown ?? { template: stack.template };
  const data = stackData(shown.template);
  const resources = isData(data) && isData(data['Resources']) ? data['Resources'] : undefined;
  if (resources === undefined) return undefined;
  const parts = new Map<string, string>();
  for (const [id, resource] of Object.entries(resources)) {
    if (!isData(resource) || !isData(resource['Properties'])) continue;
    const properties = resource['Properties'];
    if (resource['Type'] === 'AWS::EC2::LaunchTemplate') collect(parts, id, properties['LaunchTemplateData']);
    if (resource['Type'] === 'AWS::AutoScaling::LaunchConfiguration') collect(parts, id, properties);
    if (resource['Type'] === 'AWS::AutoScaling::AutoScalingGroup') collect(parts, id, groupParts(properties));
  }
  for (const path of [...parts.keys()]) if (path.endsWith('.UserData')) parts.delete(path);
  parts.set(userDataPath, shown.userData ?? '');
  return parts;
}

/** Of a group only the types that it may launch: an instance of another type is outdated. */
function groupParts(properties: Data): unknown {
  const policy = properties['MixedInstancesPolicy'];
  const template = isData(policy) ? policy['LaunchTemplate'] : undefined;
  const overrides =
    isData(template) && Array.isArray(template['Overrides']) ? (template['Overrides'] as unknown[]) : [];
  const types = overrides.map((one) => (isData(one) ? String(one['InstanceType']) : ''));
  return types.length === 0 ? undefined : { InstanceTypes: types.sort().join(', ') };
}

function collect(parts: Map<string, string>, path: string, value: unknown): void {
  if (value === undefined) return;
  if (typeof value === 'object' && value !== null) {
    for (const [key, item] of Object.entries(value)) collect(parts, `${path}.${key}`, item);
  } else if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') {
    parts.set(path, String(value));
  }
}

/** Without the resource: a pool has one launch template. */
function shortPath(path: string): string {
  return path.slice(path.indexOf('.') + 1);
}

function isData(value: unknown): value is Data {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
