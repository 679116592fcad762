import { AwsError, Params, plainText } from '../aws-request.ts';
import type { Cloud } from '../cloud.ts';
import type { RegionState } from '../region-state.ts';
import type { Stack, StackResource } from './stack.ts';

/** What a resource handler works with. */
export interface ResourceContext {
  cloud: Cloud;
  state: RegionState;
  stack: Stack;
  logicalId: string;
  /** All functions resolved. */
  updatePolicy: Record<string, unknown>;
}

export interface MadeResource {
  physicalId: string;
  attributes: Record<string, string | string[]>;
}

/** What goes on behind a resource that is changed already: its operation waits for it. */
export interface ResourceWork {
  /** Says in the stack's events what it is at. */
  note(reason: string): void;
  /** False when the operation was overtaken. */
  goesOn(): boolean;
  /** Ends it, once; with the reason when it failed. */
  done(failure?: string): void;
}

export interface ChangedResource extends MadeResource {
  /** Begins what is left to do. */
  work?: ((work: ResourceWork) => void) | undefined;
}

/** Properties are resolved. Every method may throw AwsError: the resource has then failed for that reason. */
export interface ResourceType {
  create(context: ResourceContext, properties: Record<string, unknown>): ChangedResource;
  /** Properties whose change needs a new resource, and those whose change may need one. */
  replacing?: readonly string[];
  mayReplace?: readonly string[];
  /** 'replace' when the change needs a new resource. */
  update(
    context: ResourceContext,
    properties: Record<string, unknown>,
    current: StackResource,
  ): ChangedResource | 'replace';
  /** What it really has of the properties that a template may set, as text; absent for a type that is not looked into. */
  live?(state: RegionState, current: StackResource): Readonly<Record<string, string>> | 'gone';
  /** Calls `done` once the resource is gone, now or later. */
  remove(context: ResourceContext, current: StackResource, done: () => void): void;
}

/** Handler input: CloudFormation's words for a bad property. */
export function propertiesOf(properties: Record<string, unknown>): Params {
  return new Params(properties, 'ValidationError');
}

/** `<stack>-<logical id>-<12 letters>`, cut to `most`; with the name that the template gives, that. */
export function physicalName(
  context: ResourceContext,
  properties: Record<string, unknown>,
  property: string,
  most = 128,
): string {
  const given = properties[property];
  if (typeof given === 'string' && given !== '') return given;
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789';
  let suffix = '';
  while (suffix.length < 12) suffix += alphabet.charAt(context.state.random.int(alphabet.length));
  const stem = `${context.stack.name}-${context.logicalId}`.slice(0, most - 13).replace(/-+$/, '');
  return `${stem}-${suffix}`;
}

/** A changed name needs a new resource; one that only was given now or no longer is left alone is a change, too. */
export function nameChanged(properties: Record<string, unknown>, current: StackResource, property: string): boolean {
  return properties[property] !== current.applied[property];
}

export function changedProperties(properties: Record<string, unknown>, current: StackResource): string[] {
  const names = new Set([...Object.keys(properties), ...Object.keys(current.applied)]);
  return [...names].filter((name) => JSON.stringify(properties[name]) !== JSON.stringify(current.applied[name]));
}

/** Tags that CloudFormation puts on what it makes: the stack's own, and where it comes from. */
export function stackTags(context: ResourceContext): Map<string, string> {
  return new Map([
    ...context.stack.definition.tags,
    ['aws:cloudformation:stack-name', context.stack.name],
    ['aws:cloudformation:stack-id', context.stack.id],
    ['aws:cloudformation:logical-id', context.logicalId],
  ]);
}

export function templateTags(properties: Record<string, unknown>, property = 'Tags'): Map<string, string> {
  const tags = new Map<string, string>();
  const value = properties[property];
  if (value === undefined) return tags;
  if (!Array.isArray(value)) {
    for (const [key, each] of Object.entries(value as Record<string, unknown>)) tags.set(key, String(each));
    return tags;
  }
  for (const tag of value as { Key?: unknown; Value?: unknown }[]) {
    if (tag.Key === undefined)
      throw new AwsError('ValidationError', `Encountered a tag without Key in property ${property}`);
    tags.set(plainText(tag.Key), plainText(tag.Value));
  }
  return tags;
}
