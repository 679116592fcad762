/** What differs between what a cluster was last given and what a commit renders to for it. */
import type { KubeObject } from '../../domain/kube-object.ts';
import type { RenderedCluster, RenderedComponent, RenderedStack } from '../../domain/rendered.ts';
import { objectKey } from '../pipeline/adoption.ts';
import { describeObject } from '../pipeline/apply-order.ts';
import type { ClusterFact } from '../pipeline/facts.ts';
import { type LineDiff, lineDiff } from './line-diff.ts';
import type { ChangeKind, UnitChange } from './plan-document.ts';
import { objectText, plainText, stackText, withoutSecretData } from './shown-text.ts';

export interface Rendering {
  rendered: RenderedCluster;
  /** Replaces every secret of the cluster. */
  redact: (text: string) => string;
  /** Encrypted values stand in it as they are: its digests say nothing to those of real renderings. */
  sealed: boolean;
}

export interface ComparisonInput {
  after: Rendering;
  /** What is known to be applied; undefined when the cluster was never looked at. */
  fact: ClusterFact | undefined;
  /** The version that was recorded last, rendered again; undefined when there is none, or when it cannot be. */
  recorded: Rendering | undefined;
  /** Versions of interrupted updates, newest first. */
  begun: Rendering[];
  /** Nothing of the cluster exists yet. */
  fresh: boolean;
}

/** What was there before; `unknown` says why the two cannot be compared. */
export type Before<Unit> =
  | { kind: 'same' }
  | { kind: 'absent' }
  | { kind: 'known'; unit: Unit; redact: (text: string) => string; interrupted: boolean }
  | { kind: 'unknown'; why: string };

type Units = 'stacks' | 'components' | 'pools';

/** Finds the rendering that a unit was applied from: the one whose digest is the recorded one. */
export function beforeOf<Unit extends { name: string; digest: string }>(
  input: ComparisonInput,
  units: Units,
  of: (rendered: RenderedCluster) => readonly Unit[],
  after: Unit,
): Before<Unit> {
  if (input.fresh) return { kind: 'absent' };
  const { fact, recorded, begun } = input;
  if (fact === undefined) return { kind: 'unknown', why: 'the cluster was never looked at' };
  const find = (one: Rendering | undefined): Unit | undefined =>
    one === undefined ? undefined : of(one.rendered).find((unit) => unit.name === after.name);
  const applied = fact.digests[units][after.name];
  if (!input.after.sealed && applied === after.digest) return { kind: 'same' };
  const candidates = [recorded, ...begun].filter((one) => one !== undefined);
  const sources = input.after.sealed && fact.digest !== null ? candidates.slice(0, 1) : candidates;
  const exact = sources.find((one) => (input.after.sealed ? find(one) !== undefined : find(one)?.digest === applied));
  const unit = find(exact);
  if (applied !== undefined && exact !== undefined && unit !== undefined) {
    if (unit.digest === after.digest) return { kind: 'same' };
    return { kind: 'known', unit, redact: exact.redact, interrupted: false };
  }
  if (applied !== undefined) return { kind: 'unknown', why: 'what was applied does not render any more as it did' };
  // taken out of the record before it was touched: an update stopped half way
  const last = find(recorded);
  if (last !== undefined && recorded !== undefined)
    return { kind: 'known', unit: last, redact: recorded.redact, interrupted: true };
  if (fact.commit === null) return { kind: 'unknown', why: 'clm did not apply what is there' };
  return recorded === undefined
    ? { kind: 'unknown', why: 'what was applied cannot be rendered any more' }
    : { kind: 'absent' };
}

export function unitChanges(input: ComparisonInput): UnitChange[] {
  const { rendered } = input.after;
  if (input.fact === undefined && !input.fresh) return [];
  if (!input.after.sealed && input.fact?.digest === rendered.digest) return [];
  return [
    ...rendered.stacks.flatMap((stack) => stackChanges(input, stack)),
    ...removedStacks(input),
    ...rendered.components.flatMap((component) => componentChanges(input, component)),
    ...removedComponents(input),
    ...deletionChanges(input),
  ];
}

const interruptedNote = 'an update has begun and not ended: some of it may be applied already';

function stackChanges(input: ComparisonInput, stack: RenderedStack): UnitChange[] {
  const before = beforeOf(input, 'stacks', (of) => of.stacks, stack);
  if (before.kind === 'same') return [];
  const name = `stack ${stack.name}`;
  const base = { name, ...(stack.pool === undefined ? {} : { of: stack.pool }) };
  if (before.kind === 'unknown') return [{ ...bare('stack', 'unknown'), ...base, note: before.why }];
  const after = shownStack(stack, input.after.redact);
  if (before.kind === 'absent') return [change({ unit: 'stack', change: 'create', ...base }, '', after.template)];
  const was = shownStack(before.unit, before.redact);
  const note = before.interrupted ? { note: interruptedNote } : {};
  const changes: UnitChange[] = [];
  const template = change({ unit: 'stack', change: 'update', ...base, ...note }, was.template, after.template);
  const userData = change(
    { unit: 'user-data', change: 'update', ...base, name: `user data of ${stack.name}`, ...note },
    was.userData,
    after.userData,
  );
  if (userData.diff.length > 0) changes.push(userData);
  // a stack whose text is the same still has another digest: hidden values, tags, or an update that stopped half way
  if (template.diff.length > 0 || changes.length === 0) changes.unshift(template);
  return changes;
}

function shownStack(stack: RenderedStack, redact: (text: string) => string): { template: string; userData: string } {
  const { template, userData } = stack.shown ?? { template: stack.template };
  const { tags, parameters } = stack;
  const about = plainText({ tags, ...(Object.keys(parameters).length === 0 ? {} : { parameters }) });
  return { template: redact(`${withoutToken(stackText(template))}# with\n${about}`), userData: redact(userData ?? '') };
}

/** The token that stands for user data is a digest of it: the user data itself is compared instead. */
function withoutToken(text: string): string {
  return text.replace(/^(\s*UserData: ).*$/gm, '$1(compared apart)');
}

const poolGoes = 'its pool is no longer in the configuration: the nodes are drained one by one, then it is deleted';
const extraGoes =
  'it is no longer in the configuration: it is deleted once it has cooled off, unless it holds what cannot be made again';

function removedStacks(input: ComparisonInput): UnitChange[] {
  const kept = new Set(input.after.rendered.stacks.map((stack) => stack.name));
  return appliedNames(input, 'stacks', (of) => of.stacks)
    .filter((name) => !kept.has(name))
    .map((name) => {
      const pool = input.recorded?.rendered.stacks.find((stack) => stack.name === name)?.pool;
      const note = pool === undefined ? extraGoes : poolGoes;
      return { ...bare('stack', 'delete'), name: `stack ${name}`, ...(pool === undefined ? {} : { of: pool }), note };
    });
}

export function appliedNames(
  input: ComparisonInput,
  units: Units,
  of: (rendered: RenderedCluster) => readonly { name: string }[],
): string[] {
  if (input.fresh || input.fact === undefined) return [];
  const recorded = input.recorded === undefined ? [] : of(input.recorded.rendered).map((unit) => unit.name);
  return [...new Set([...Object.keys(input.fact.digests[units]), ...recorded])];
}

function componentChanges(input: ComparisonInput, component: RenderedComponent): UnitChange[] {
  const before = beforeOf(input, 'components', (of) => of.components, component);
  if (before.kind === 'same') return [];
  if (before.kind === 'unknown') {
    return [{ ...bare('object', 'unknown'), name: `component ${component.name}`, note: before.why }];
  }
  const was = before.kind === 'absent' ? [] : before.unit.objects;
  const wasRedact = before.kind === 'absent' ? input.after.redact : before.redact;
  const note = before.kind === 'known' && before.interrupted ? interruptedNote : undefined;
  const changes = objectChanges(
    component.name,
    { objects: was, redact: wasRedact },
    { ...component, ...input.after },
    note,
  );
  const { sources } = component;
  return sources === undefined ? changes : changes.map((one) => ({ ...one, from: sources }));
}

interface Objects {
  objects: readonly KubeObject[];
  redact: (text: string) => string;
}

function objectChanges(component: string, before: Objects, after: Objects, note: string | undefined): UnitChange[] {
  const was = new Map(before.objects.map((object) => [objectKey(object), object]));
  const changes: UnitChange[] = [];
  for (const object of after.objects) {
    const old = was.get(objectKey(object));
    was.delete(objectKey(object));
    const base = { unit: 'object' as const, name: describeObject(object), of: component };
    if (old === undefined) {
      changes.push(change({ ...base, change: 'create' }, '', shownObject(object, after.redact)));
      continue;
    }
    // an interrupted component is told object by object: whichever differ from the last whole version
    if (objectText(old) === objectText(object)) continue;
    const more = note === undefined ? {} : { note };
    const texts = [shownObject(old, before.redact), shownObject(object, after.redact)] as const;
    changes.push(change({ ...base, change: 'update', ...more }, ...texts));
  }
  for (const object of was.values()) {
    const base = { unit: 'object' as const, name: describeObject(object), of: component };
    changes.push(change({ ...base, change: 'delete' }, shownObject(object, before.redact), ''));
  }
  if (changes.length > 0 || note === undefined) return changes;
  return [{ ...bare('object', 'unknown'), name: `component ${component}`, of: component, note }];
}

function shownObject(object: KubeObject, redact: (text: string) => string): string {
  return redact(objectText(withoutSecretData(object)));
}

function removedComponents(input: ComparisonInput): UnitChange[] {
  const kept = new Set(input.after.rendered.components.map((component) => component.name));
  return appliedNames(input, 'components', (of) => of.components)
    .filter((name) => !kept.has(name))
    .flatMap((name) => {
      const old = input.recorded?.rendered.components.find((component) => component.name === name);
      if (old === undefined || input.recorded === undefined)
        return [{ ...bare('object', 'delete'), name: `component ${name}`, of: name }];
      const { redact } = input.recorded;
      return objectChanges(name, { objects: old.objects, redact }, { objects: [], redact }, undefined);
    });
}

function deletionChanges(input: ComparisonInput): UnitChange[] {
  const { after, recorded } = input;
  const texts = (of: Rendering | undefined): string => {
    const lists = Object.entries(of?.rendered.deletions ?? {}).filter(([, list]) => list.length > 0);
    return lists.length === 0 ? '' : (of?.redact(plainText(Object.fromEntries(lists))) ?? '');
  };
  // of a cluster without a past nothing is known that could go
  if (recorded === undefined) return [];
  const one = change({ unit: 'deletions', name: 'deletions', change: 'update' }, texts(recorded), texts(after));
  return one.diff.length === 0 ? [] : [one];
}

function bare(unit: UnitChange['unit'], kind: ChangeKind): Omit<UnitChange, 'name'> {
  return { unit, change: kind, diff: [], added: 0, removed: 0, hiddenOnly: false };
}

function change(
  base: Omit<UnitChange, 'diff' | 'added' | 'removed' | 'hiddenOnly'>,
  before: string,
  after: string,
): UnitChange {
  const { lines, added, removed }: LineDiff = lineDiff(before, after);
  return { ...base, diff: lines, added, removed, hiddenOnly: lines.length === 0 };
}
