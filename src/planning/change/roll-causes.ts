/** Which parts of a node pool's stack make its nodes outdated, and what of them differs. */

import type { RenderedStack } from '../../domain/rendered.ts';
import { type Launches, launchesOf } from './launches.ts';

const mostCauses = 6;

/** One short sentence for each difference that replaces nodes; empty when the stack can change under its nodes. */
export function rollCauses(before: RenderedStack, after: RenderedStack, redact: (text: string) => string): string[] {
  return launchCauses(launchesOf(before), launchesOf(after), redact);
}

/** The same of templates that were read already; undefined = cannot be read. */
export function launchCauses(
  before: Launches | undefined,
  after: Launches | undefined,
  redact: (text: string) => string,
): string[] {
  if (before === undefined || after === undefined) return ['its template cannot be read'];
  const was = launchParts(before);
  const will = launchParts(after);
  const causes: string[] = [];
  const paths = [...new Set([...was.keys(), ...will.keys()])].sort();
  for (const path of paths) {
    const [a, b] = [was.get(path), will.get(path)];
    if (a === b) continue;
    causes.push(isUserData(path) ? 'user data' : redact(`${shortPath(path)} ${a ?? 'none'} → ${b ?? 'none'}`));
  }
  const told = [...new Set(causes)];
  if (told.length <= mostCauses) return told;
  return [...told.slice(0, mostCauses), `and ${told.length - mostCauses} more`];
}

const userDataPath = 'UserData';
const isUserData = (path: string): boolean => /(^|\.)UserData(\.|$)/.test(path);

/** Every leaf of what the groups launch, by its path; of a group only the types that it may launch: an instance of another type is outdated. */
function launchParts({ templates, groups, userData }: Launches): Map<string, string> {
  const parts = new Map<string, string>();
  for (const [id, data] of templates) collect(parts, id, data);
  for (const { id, instanceTypes } of groups)
    if (instanceTypes.length > 0) collect(parts, id, { InstanceTypes: instanceTypes.join(', ') });
  if (userData === undefined) return parts;
  // in the template stands a token for it
  for (const path of [...parts.keys()]) if (isUserData(path)) parts.delete(path);
  return parts.set(userDataPath, userData);
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
