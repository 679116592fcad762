import { LineCounter, parseDocument } from 'yaml';
import { resourceNamed } from '../domain/kind-name.ts';
import { nearMatches } from '../domain/near-matches.ts';
import type { Deletion } from '../domain/rendered.ts';
import { knownKinds } from './known-kinds.ts';
import type { TextProblem } from './manifest-documents.ts';
import { type RepeatedKey, repeatedKeys } from './repeated-keys.ts';

export interface UnitDeletions {
  preApply: Deletion[];
  postApply: Deletion[];
}

export type DeletionsText =
  | { ok: true; deletions: UnitDeletions; repeated: readonly RepeatedKey[] }
  | { ok: false; problems: TextProblem[] };
export type StackDeletionsText =
  | { ok: true; deletions: { pre: string[]; post: string[] }; repeated: readonly RepeatedKey[] }
  | { ok: false; problems: TextProblem[] };

interface Entry {
  phase: 'pre' | 'post';
  value: unknown;
  line: number;
  path: string;
}

/** The lists `pre_apply` and `post_apply` of a rendered file. */
function entriesOf(text: string): { entries: Entry[]; problems: TextProblem[]; repeated: readonly RepeatedKey[] } {
  const lines = new LineCounter();
  const { uniqueKeys, found } = repeatedKeys(lines);
  const document = parseDocument(text, { schema: 'core', lineCounter: lines, prettyErrors: false, uniqueKeys });
  const lineAt = (offset: number | undefined): number => lines.linePos(offset ?? 0).line;
  const problems: TextProblem[] = document.errors.map((error) => ({
    line: lineAt(error.pos[0]),
    message: error.message,
    remedy: 'correct the YAML',
  }));
  const entries: Entry[] = [];
  if (problems.length > 0) return { entries, problems, repeated: found() };
  const value: unknown = document.toJS({ maxAliasCount: 100 }) ?? {};
  if (typeof value !== 'object' || Array.isArray(value)) {
    problems.push({
      line: 1,
      message: 'deletions must be a mapping',
      remedy: 'write pre_apply: and post_apply: lists',
    });
    return { entries, problems, repeated: found() };
  }
  for (const [key, list] of Object.entries(value as Record<string, unknown>)) {
    const phase = key === 'pre_apply' ? 'pre' : key === 'post_apply' ? 'post' : undefined;
    if (phase === undefined || (list !== null && !Array.isArray(list))) {
      const message = `${key} is not a list of deletions`;
      problems.push({ line: 1, path: key, message, remedy: 'use the lists pre_apply and post_apply' });
      continue;
    }
    ((list ?? []) as unknown[]).forEach((item, i) => {
      const node = document.getIn([key, i], true) as { range?: [number, number, number] } | undefined;
      entries.push({ phase, value: item, line: lineAt(node?.range?.[0]), path: `${key}[${i}]` });
    });
  }
  return { entries, problems, repeated: found() };
}

/**
 * The rendered deletions file: `pre_apply` and `post_apply`, each a list of {kind, namespace?, api_version?} with a name, labels
 * or a selector, and with has_owner, propagation_policy, grace_period_seconds where they matter. A kind that is none of Kubernetes
 * itself needs no api_version: the cluster's definitions tell where it is served when the deletion is due.
 */
export function parseDeletions(text: string): DeletionsText {
  const { entries, problems, repeated } = entriesOf(text);
  const deletions: UnitDeletions = { preApply: [], postApply: [] };
  for (const { phase, value, line, path } of entries) {
    const result = parseEntry(value);
    if (typeof result !== 'string') (phase === 'pre' ? deletions.preApply : deletions.postApply).push(result);
    else {
      const remedy = 'write {kind: Deployment, name: old-name, namespace: kube-system}, or labels: {application: old}';
      problems.push({ line, path, message: result, remedy });
    }
  }
  return problems.length > 0 ? { ok: false, problems } : { ok: true, deletions, repeated };
}

/** The rendered list of stacks to delete: entries are names, or {name} or {stack_name}. */
export function parseStackDeletions(text: string): StackDeletionsText {
  const { entries, problems, repeated } = entriesOf(text);
  const deletions: { pre: string[]; post: string[] } = { pre: [], post: [] };
  for (const { phase, value, line, path } of entries) {
    const record = typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
    const name = typeof value === 'string' ? value : (record['name'] ?? record['stack_name']);
    if (typeof name === 'string' && /^[A-Za-z][A-Za-z0-9-]{0,127}$/.test(name)) deletions[phase].push(name);
    else problems.push({ line, path, message: 'this is no name of a stack', remedy: 'write {name: old-stack}' });
  }
  return problems.length > 0 ? { ok: false, problems } : { ok: true, deletions, repeated };
}

const propagations = ['Background', 'Foreground', 'Orphan'] as const;

/** What a deletion may say beside what it chooses. */
function optionsOf(entry: Record<string, unknown>): Partial<Deletion> | string {
  const { has_owner: hasOwner, propagation_policy: propagation, grace_period_seconds: grace } = entry;
  if (hasOwner !== undefined && hasOwner !== null && typeof hasOwner !== 'boolean') return 'has_owner is true or false';
  const policy = propagations.find((one) => one === propagation);
  if (propagation !== undefined && policy === undefined)
    return `propagation_policy is one of ${propagations.join(', ')}`;
  if (grace !== undefined && (typeof grace !== 'number' || !Number.isInteger(grace) || grace < 0))
    return 'grace_period_seconds is a whole number';
  return {
    ...(typeof hasOwner === 'boolean' ? { hasOwner } : {}),
    ...(policy === undefined ? {} : { propagation: policy }),
    ...(grace === undefined ? {} : { gracePeriodSeconds: grace }),
  };
}

/** The one way in which an entry chooses objects: by name, or by labels or a selector. */
function choiceOf(entry: Record<string, unknown>, kind: string): { name: string } | { selector: string } | string {
  const { name, labels, selector } = entry;
  const given = [name, labels, selector].filter((one) => one !== undefined && one !== null && one !== '');
  if (given.length > 1) return `${kind} is chosen in more than one way: give name, labels or selector`;
  if (typeof name === 'string' && name !== '') return { name };
  if (typeof selector === 'string' && selector.trim() !== '') return { selector: selector.trim() };
  if (typeof labels === 'object' && labels !== null && Object.keys(labels).length > 0) {
    const pairs = Object.entries(labels as Record<string, unknown>);
    if (pairs.some(([, value]) => typeof value !== 'string')) return 'labels are texts: put their values in quotes';
    return { selector: pairs.map(([key, value]) => `${key}=${value as string}`).join(',') };
  }
  return 'name is missing (or labels, or a selector)';
}

function parseEntry(value: unknown): Deletion | string {
  if (typeof value !== 'object' || value === null) return 'a deletion is a mapping';
  const entry = value as Record<string, unknown>;
  const { kind, namespace, api_version: apiVersion } = entry;
  if (typeof kind !== 'string' || kind === '') return 'kind is missing';
  const choice = choiceOf(entry, kind);
  if (typeof choice === 'string') return choice;
  const options = optionsOf(entry);
  if (typeof options === 'string') return options;
  const canonical = typeof apiVersion === 'string' ? kindLike(kind) : kindNamed(kind);
  const [served, namespaced] = knownKinds[canonical ?? ''] ?? [undefined, true];
  const version = typeof apiVersion === 'string' ? apiVersion : served;
  const meant = version === undefined ? mistypedKind(kind) : undefined;
  if (meant !== undefined)
    return `Kubernetes has no kind ${kind}: did you mean ${meant}? If it is one of your own, give its api_version`;
  const place = typeof namespace === 'string' && namespace !== '' ? namespace : namespaced ? 'kube-system' : undefined;
  return {
    ...(version === undefined ? {} : { apiVersion: version }),
    kind: canonical ?? kind,
    ...choice,
    ...(place === undefined ? {} : { namespace: place }),
    ...options,
  };
}

/** A kind of Kubernetes itself, in whatever case. */
function kindLike(text: string): string | undefined {
  return Object.keys(knownKinds).find((kind) => kind.toLowerCase() === text.toLowerCase());
}

/** A kind of Kubernetes itself by any name that tools take for it: `Deployment`, `deployments`, `deployments.apps`, `deployments.v1.apps`. */
function kindNamed(text: string): string | undefined {
  const { resource, group } = resourceNamed(text);
  const found = Object.keys(knownKinds).find((kind) => [kind.toLowerCase(), pluralOf(kind)].includes(resource));
  if (found === undefined || group === undefined) return found;
  const [served = ''] = knownKinds[found] ?? [];
  return served.startsWith(`${group}/`) ? found : undefined;
}

function pluralOf(kind: string): string {
  const name = kind.toLowerCase();
  if (name.endsWith('endpoints')) return name;
  return name.endsWith('s') ? `${name}es` : name.replace(/y$/, 'ie').concat('s');
}

/** Own kinds are many, and what they are called is nobody's business; a slip in a kind of Kubernetes would go unnoticed. */
function mistypedKind(text: string): string | undefined {
  const [near] = nearMatches(text, Object.keys(knownKinds));
  if (near === undefined || near.length < 6 || text.includes('.')) return undefined;
  const alike = Math.abs(near.length - text.length) <= 1 && near[0]?.toLowerCase() === text[0]?.toLowerCase();
  return alike ? near : undefined;
}
