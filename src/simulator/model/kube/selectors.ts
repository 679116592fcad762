import { badRequest } from './api-error.ts';
import type { LabelSelector } from './kinds.ts';
import { fieldsOf, type SimObject, shownText } from './object.ts';

export type Labels = Readonly<Record<string, string>> | undefined;
export type LabelMatcher = (labels: Labels) => boolean;

interface Requirement {
  key: string;
  operator: 'in' | 'notin' | 'exists' | 'absent' | 'gt' | 'lt';
  values: readonly string[];
}

const keyPattern = /^([a-z0-9]([-a-z0-9.]*[a-z0-9])?\/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/;
const valuePattern = /^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$/;

function meets(requirement: Requirement, labels: Labels): boolean {
  const value = labels?.[requirement.key];
  switch (requirement.operator) {
    case 'exists':
      return value !== undefined;
    case 'absent':
      return value === undefined;
    case 'in':
      return value !== undefined && requirement.values.includes(value);
    case 'notin':
      return value === undefined || !requirement.values.includes(value);
    case 'gt':
      return value !== undefined && Number(value) > Number(requirement.values[0]);
    case 'lt':
      return value !== undefined && Number(value) < Number(requirement.values[0]);
  }
}

/** Splits at commas outside parentheses. */
function clauses(text: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let start = 0;
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '(') depth += 1;
    else if (text[i] === ')') depth -= 1;
    else if (text[i] === ',' && depth === 0) {
      parts.push(text.slice(start, i));
      start = i + 1;
    }
  }
  parts.push(text.slice(start));
  return parts.map((part) => part.trim());
}

function requirementOf(clause: string, whole: string): Requirement {
  const bad = (): Error => badRequest(`unable to parse requirement: found '${clause}' in selector '${whole}'`);
  const checked = (key: string, operator: Requirement['operator'], values: string[]): Requirement => {
    if (!keyPattern.test(key) || values.some((value) => !valuePattern.test(value))) throw bad();
    return { key, operator, values };
  };
  const set = /^(\S+)\s+(in|notin)\s*\(([^()]*)\)$/.exec(clause);
  if (set) {
    const values = (set[3] as string).split(',').map((value) => value.trim());
    return checked(set[1] as string, set[2] as 'in' | 'notin', values);
  }
  const compared = /^([^=!<>\s]+)\s*(==|=|!=|>|<)\s*([^=!<>\s]*)$/.exec(clause);
  if (compared) {
    const operators = { '==': 'in', '=': 'in', '!=': 'notin', '>': 'gt', '<': 'lt' } as const;
    return checked(compared[1] as string, operators[compared[2] as keyof typeof operators], [compared[3] as string]);
  }
  if (clause.startsWith('!')) return checked(clause.slice(1).trim(), 'absent', []);
  return checked(clause, 'exists', []);
}

/** The `labelSelector` query parameter; throws 400 when it cannot be parsed. */
export function parseLabelSelector(text: string): LabelMatcher {
  if (text.trim() === '') return () => true;
  const requirements = clauses(text).map((clause) => requirementOf(clause, text));
  return (labels) => requirements.every((requirement) => meets(requirement, labels));
}

const matchers = new WeakMap<LabelSelector, LabelMatcher>();
const operatorNames: Record<string, Requirement['operator']> = {
  In: 'in',
  NotIn: 'notin',
  Exists: 'exists',
  DoesNotExist: 'absent',
  Gt: 'gt',
  Lt: 'lt',
};

export function expressionMatcher(
  expressions: readonly { key: string; operator: string; values?: string[] }[],
): LabelMatcher {
  const requirements = expressions.map((expression): Requirement => {
    const operator = operatorNames[expression.operator];
    return { key: expression.key, operator: operator ?? 'in', values: operator ? (expression.values ?? []) : [] };
  });
  return (labels) => requirements.every((requirement) => meets(requirement, labels));
}

/** A selector inside an object. None at all selects nothing, an empty one everything. */
export function selectorMatcher(selector: LabelSelector | undefined): LabelMatcher {
  if (!selector) return () => false;
  let matcher = matchers.get(selector);
  if (!matcher) {
    matcher = matcherOf(selector);
    matchers.set(selector, matcher);
  }
  return matcher;
}

function matcherOf({ matchLabels, matchExpressions }: LabelSelector): LabelMatcher {
  const wanted = Object.entries(matchLabels ?? {});
  const [first] = wanted;
  const expressions = matchExpressions?.length ? expressionMatcher(matchExpressions) : undefined;
  if (first && wanted.length === 1 && !expressions) {
    // Nearly every selector is like this one, and every pod is shown to every budget.
    const [key, value] = first;
    return (labels) => labels !== undefined && labels[key] === value;
  }
  return (labels) => wanted.every(([key, value]) => labels?.[key] === value) && (expressions?.(labels) ?? true);
}

/** A selector as text, as the scale subresource and tables show it. */
export function selectorText(selector: LabelSelector | undefined): string {
  if (!selector) return '';
  const equal = Object.entries(selector.matchLabels ?? {}).map(([key, value]) => `${key}=${value}`);
  const sets = (selector.matchExpressions ?? []).map((expression) => {
    if (expression.operator === 'Exists') return expression.key;
    if (expression.operator === 'DoesNotExist') return `!${expression.key}`;
    return `${expression.key} ${expression.operator.toLowerCase()} (${(expression.values ?? []).join(',')})`;
  });
  return [...equal.sort(), ...sets].join(',');
}

const fieldLabels: Record<string, readonly string[]> = {
  pods: [
    'spec.nodeName',
    'spec.restartPolicy',
    'spec.schedulerName',
    'spec.serviceAccountName',
    'spec.hostNetwork',
    'status.phase',
    'status.podIP',
    'status.nominatedNodeName',
  ],
  nodes: ['spec.unschedulable'],
  namespaces: ['status.phase'],
  secrets: ['type'],
  services: ['spec.clusterIP', 'spec.type'],
  replicasets: ['status.replicas'],
  jobs: ['status.successful'],
  events: [
    'involvedObject.kind',
    'involvedObject.namespace',
    'involvedObject.name',
    'involvedObject.uid',
    'involvedObject.apiVersion',
    'involvedObject.resourceVersion',
    'involvedObject.fieldPath',
    'reason',
    'reportingComponent',
    'source',
    'type',
  ],
};

export interface FieldSelector {
  matches(object: SimObject): boolean;
  /** The value that a field must have, when the selector says so: lets a list use an index. */
  wanted(field: string): string | undefined;
}

const everything: FieldSelector = { matches: () => true, wanted: () => undefined };

/** The `fieldSelector` query parameter; throws 400 for a field that the resource does not support. */
export function parseFieldSelector(plural: string, text: string): FieldSelector {
  if (text.trim() === '') return everything;
  const terms = text.split(',').map((term) => {
    const match = /^([^=!]+)(!=|==|=)(.*)$/.exec(term.trim());
    if (!match) throw badRequest(`invalid field selector: invalid selector: '${text}'; can't understand '${term}'`);
    const field = match[1] as string;
    const known = field === 'metadata.name' || field === 'metadata.namespace' || fieldLabels[plural]?.includes(field);
    if (!known) throw badRequest(`field label not supported: ${field}`);
    return { path: field.split('.'), field, equal: match[2] !== '!=', value: match[3] as string };
  });
  return {
    matches: (object) => terms.every((term) => (fieldText(object, term.path) === term.value) === term.equal),
    wanted: (field) => terms.find((term) => term.field === field && term.equal)?.value,
  };
}

function fieldText(object: SimObject, path: readonly string[]): string {
  if (object.kind === 'Job' && path[1] === 'successful') return shownText(fieldsOf(object['status'])['succeeded'] ?? 0);
  let value: unknown = object;
  for (const step of path) value = fieldsOf(value)[step];
  if (value === undefined || value === null) return path.at(-1) === 'unschedulable' ? 'false' : '';
  return typeof value === 'object' ? '' : shownText(value);
}

/** A workload's selector; a ReplicationController's is a plain map of labels. */
export function workloadSelector(object: SimObject): LabelSelector | undefined {
  const selector = fieldsOf(object['spec'])['selector'];
  if (object.kind !== 'ReplicationController') return selector as LabelSelector | undefined;
  return { matchLabels: fieldsOf(selector) as Record<string, string> };
}
