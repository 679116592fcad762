/** Intrinsic functions: from what a template says to what a resource gets. */
import { AwsError } from '../aws-request.ts';
import { zonesOf } from '../geography.ts';
import type { Template } from './template.ts';

export interface Scope {
  template: Template;
  account: string;
  region: string;
  stackName: string;
  stackId: string;
  parameters: ReadonlyMap<string, string | string[]>;
  conditions: ReadonlyMap<string, boolean>;
  /** Physical id of a resource (what Ref gives), or undefined when it does not exist (yet). */
  refOf(logicalId: string): string | undefined;
  /** @throws AwsError when the resource has no such attribute */
  attributeOf(logicalId: string, attribute: string): string | string[] | undefined;
  exportValue(name: string): string | undefined;
}

/** What `AWS::NoValue` gives: the property is left out. */
const noValue = Symbol('AWS::NoValue');

function fail(message: string): never {
  throw new AwsError('ValidationError', message);
}

function templateError(message: string): never {
  return fail(`Template error: ${message}`);
}

function pseudo(name: string, scope: Scope): string | string[] | typeof noValue | undefined {
  switch (name) {
    case 'AWS::AccountId':
      return scope.account;
    case 'AWS::Region':
      return scope.region;
    case 'AWS::StackName':
      return scope.stackName;
    case 'AWS::StackId':
      return scope.stackId;
    case 'AWS::Partition':
      return 'aws';
    case 'AWS::URLSuffix':
      return 'amazonaws.com';
    case 'AWS::NotificationARNs':
      return [];
    case 'AWS::NoValue':
      return noValue;
    default:
      return undefined;
  }
}

function ref(name: string, scope: Scope): unknown {
  const value = pseudo(name, scope) ?? scope.parameters.get(name) ?? scope.refOf(name);
  if (value !== undefined) return value;
  return fail(
    `Template format error: Unresolved resource dependencies [${name}] in the Resources block of the template`,
  );
}

function attribute(logicalId: string, name: string, scope: Scope): string | string[] {
  const value = scope.attributeOf(logicalId, name);
  if (value !== undefined) return value;
  return templateError(`instance of Fn::GetAtt references undefined resource ${logicalId}`);
}

function scalarText(value: unknown, what: string): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  return templateError(`${what} must be a string, got ${JSON.stringify(value)}`);
}

function list(value: unknown, what: string): unknown[] {
  return Array.isArray(value) ? value : templateError(`${what} requires a list argument`);
}

function substitute(argument: unknown, scope: Scope): string {
  const [text, variables] = Array.isArray(argument) ? [argument[0], argument[1]] : [argument, {}];
  if (typeof text !== 'string')
    return templateError("One or more Fn::Sub intrinsic functions don't specify expected arguments.");
  const local = (variables ?? {}) as Record<string, unknown>;
  return text.replace(/\$\{([^}]*)\}/g, (whole, raw: string) => {
    if (raw.startsWith('!')) return `\${${raw.slice(1)}}`;
    const name = raw.trim();
    if (Object.hasOwn(local, name)) return scalarText(resolve(local[name], scope), 'Fn::Sub variable');
    const dot = name.indexOf('.');
    const value = dot > 0 ? attribute(name.slice(0, dot), name.slice(dot + 1), scope) : ref(name, scope);
    if (value === noValue) return '';
    return Array.isArray(value) ? value.join(',') : scalarText(value, whole);
  });
}

function findInMap(argument: unknown, scope: Scope): unknown {
  const [map, top, second, options] = list(argument, 'Fn::FindInMap').map((each) => resolve(each, scope));
  const found = scope.template.mappings[String(map)]?.[String(top)]?.[String(second)];
  if (found !== undefined) return found;
  const fallback = options as { DefaultValue?: unknown } | undefined;
  if (fallback?.DefaultValue !== undefined) return fallback.DefaultValue;
  return templateError(`Unable to get mapping for ${String(map)}::${String(top)}::${String(second)}`);
}

function cidr(argument: unknown, scope: Scope): string[] {
  const [block, countText, bitsText] = list(argument, 'Fn::Cidr').map((each) => resolve(each, scope));
  const match = /^(\d+)\.(\d+)\.(\d+)\.(\d+)\/(\d+)$/.exec(String(block));
  if (!match) return templateError(`Fn::Cidr needs an IPv4 block, got ${String(block)}`);
  const octets = match.slice(1, 5).map(Number);
  const base = octets.reduce((sum, octet) => sum * 256 + octet, 0);
  const hostBits = Number(bitsText ?? 8);
  const size = 2 ** hostBits;
  return Array.from({ length: Number(countText) }, (_, i) => {
    const address = base + i * size;
    return `${Math.floor(address / 2 ** 24) % 256}.${Math.floor(address / 2 ** 16) % 256}.${Math.floor(address / 256) % 256}.${address % 256}/${32 - hostBits}`;
  });
}

type Fn = (argument: unknown, scope: Scope) => unknown;

const functions: Readonly<Record<string, Fn>> = {
  Ref: (argument, scope) => ref(scalarText(argument, 'Ref'), scope),
  'Fn::GetAtt': (argument, scope) => {
    const parts = typeof argument === 'string' ? argument.split('.') : list(argument, 'Fn::GetAtt');
    const [logicalId, ...path] = parts.map((each) => scalarText(resolve(each, scope), 'Fn::GetAtt'));
    return attribute(logicalId ?? '', path.join('.'), scope);
  },
  'Fn::Sub': substitute,
  'Fn::Join': (argument, scope) => {
    const [separator, values] = list(argument, 'Fn::Join');
    const resolved = list(resolve(values, scope), 'Fn::Join');
    return resolved
      .map((each) => scalarText(each, 'Fn::Join element'))
      .join(scalarText(separator, 'Fn::Join delimiter'));
  },
  'Fn::Select': (argument, scope) => {
    const [index, values] = list(argument, 'Fn::Select').map((each) => resolve(each, scope));
    const from = typeof values === 'string' ? values.split(',') : list(values, 'Fn::Select');
    const value = from[Number(index)];
    return value ?? templateError(`Fn::Select cannot select nonexistent value at index ${String(index)}`);
  },
  'Fn::Split': (argument, scope) => {
    const [separator, value] = list(argument, 'Fn::Split').map((each) => resolve(each, scope));
    return scalarText(value, 'Fn::Split').split(scalarText(separator, 'Fn::Split delimiter'));
  },
  'Fn::If': (argument, scope) => {
    const [name, yes, no] = list(argument, 'Fn::If');
    return resolveRaw(conditionNamed(String(name), scope) ? yes : no, scope);
  },
  'Fn::FindInMap': findInMap,
  'Fn::Base64': (argument, scope) => Buffer.from(scalarText(resolve(argument, scope), 'Fn::Base64')).toString('base64'),
  'Fn::ImportValue': (argument, scope) => {
    const name = scalarText(resolve(argument, scope), 'Fn::ImportValue');
    return scope.exportValue(name) ?? fail(`No export named ${name} found.`);
  },
  'Fn::GetAZs': (argument, scope) => {
    const region = scalarText(resolve(argument, scope) ?? '', 'Fn::GetAZs');
    return zonesOf(region === '' ? scope.region : region);
  },
  'Fn::Cidr': cidr,
  'Fn::Length': (argument, scope) => list(resolve(argument, scope), 'Fn::Length').length,
  'Fn::ToJsonString': (argument, scope) => JSON.stringify(resolve(argument, scope)),
};

function resolveRaw(value: unknown, scope: Scope): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Date) return value.toISOString().slice(0, 10);
  if (Array.isArray(value)) return value.map((each) => resolveRaw(each, scope)).filter((each) => each !== noValue);
  const keys = Object.keys(value);
  const [only] = keys;
  if (keys.length === 1 && only !== undefined) {
    const fn = Object.hasOwn(functions, only) ? functions[only] : undefined;
    const argument = (value as Record<string, unknown>)[only];
    if (fn && (only !== 'Ref' || typeof argument === 'string')) return fn(argument, scope);
    if (only.startsWith('Fn::')) return fail(`Template validation error: Encountered unsupported function: ${only}`);
  }
  const result: Record<string, unknown> = {};
  for (const key of keys) {
    const resolved = resolveRaw((value as Record<string, unknown>)[key], scope);
    if (resolved !== noValue) result[key] = resolved;
  }
  return result;
}

/** Resolves every intrinsic function inside `value`; AWS::NoValue drops what it stands for. @throws AwsError */
export function resolve(value: unknown, scope: Scope): unknown {
  const resolved = resolveRaw(value, scope);
  return resolved === noValue ? undefined : resolved;
}

function conditionNamed(name: string, scope: Scope): boolean {
  const value = scope.conditions.get(name);
  return value ?? templateError(`unresolved condition dependency ${name} in the Conditions block`);
}

function evaluate(value: unknown, scope: Scope, named: (name: string) => boolean): boolean {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    const [entry] = Object.entries(value);
    if (entry) {
      const [name, argument] = entry;
      if (name === 'Condition') return named(String(argument));
      if (name === 'Fn::Not') return !evaluate(list(argument, name)[0], scope, named);
      if (name === 'Fn::And') return list(argument, name).every((each) => evaluate(each, scope, named));
      if (name === 'Fn::Or') return list(argument, name).some((each) => evaluate(each, scope, named));
      if (name === 'Fn::Equals') {
        const [left, right] = list(argument, name).map((each) => JSON.stringify(looseText(resolve(each, scope))));
        return left === right;
      }
    }
  }
  return fail('Template format error: Conditions can only be boolean operations on parameters and other conditions');
}

function looseText(value: unknown): unknown {
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : value;
}

/** Values of all conditions of a template. @throws AwsError on circles and unknown names */
export function evaluateConditions(scope: Omit<Scope, 'conditions'>): Map<string, boolean> {
  const values = new Map<string, boolean>();
  const full: Scope = { ...scope, conditions: values };
  const running = new Set<string>();
  const named = (name: string): boolean => {
    const known = values.get(name);
    if (known !== undefined) return known;
    const body = scope.template.conditions[name];
    if (body === undefined) return templateError(`unresolved condition dependency ${name} in the Conditions block`);
    if (running.has(name)) return fail(`Template format error: Circular dependency in conditions: ${name}`);
    running.add(name);
    const value = evaluate(body, full, named);
    running.delete(name);
    values.set(name, value);
    return value;
  };
  for (const name of Object.keys(scope.template.conditions)) named(name);
  return values;
}

/** Logical ids that a value refers to by Ref, Fn::GetAtt and Fn::Sub. */
export function references(value: unknown, found = new Set<string>()): Set<string> {
  if (typeof value !== 'object' || value === null) return found;
  if (Array.isArray(value)) {
    for (const each of value) references(each, found);
    return found;
  }
  for (const [key, inner] of Object.entries(value)) {
    if (key === 'Ref' && typeof inner === 'string') found.add(inner);
    else if (key === 'Fn::GetAtt') {
      const first: unknown = Array.isArray(inner) ? inner[0] : inner;
      if (typeof first === 'string') found.add(first.split('.')[0] ?? first);
    } else if (key === 'Fn::Sub') {
      const [text, variables] = Array.isArray(inner) ? [inner[0] as unknown, inner[1] as unknown] : [inner, undefined];
      const local = new Set(Object.keys((variables as object | undefined) ?? {}));
      for (const match of String(text).matchAll(/\$\{([^!}][^}]*)\}/g)) {
        const name = (match[1] ?? '').trim();
        if (!local.has(name)) found.add(name.split('.')[0] ?? name);
      }
      references(variables, found);
    } else references(inner, found);
  }
  return found;
}
