import { keyValue, type ListRule, listRule } from './list-keys.ts';
import { type Fields, type FieldTree, isFields, listOf, sameJson } from './object.ts';

/** Which kind's lists merge how; what the functions below need to know of an object. */
export interface FieldContext {
  kind: string;
  custom: boolean;
}

const leaf: FieldTree = {};

function isLeaf(tree: FieldTree): boolean {
  for (const _ in tree) return false;
  return true;
}

function itemStep(rule: Exclude<ListRule, 'atomic'>, item: unknown): string {
  if (rule === 'set' || !isFields(item)) return `v:${JSON.stringify(item)}`;
  const keys: Fields = {};
  for (const key of [...rule.keys].sort()) {
    const value = keyValue(item, key);
    if (value !== undefined) keys[key] = value;
  }
  return `k:${JSON.stringify(keys)}`;
}

/** All fields that a value sets. */
export function treeOf(context: FieldContext, value: unknown, path: readonly string[] = []): FieldTree {
  if (isFields(value)) {
    const tree: FieldTree = {};
    for (const [key, item] of Object.entries(value)) {
      if (item !== undefined) tree[`f:${key}`] = treeOf(context, item, [...path, key]);
    }
    return tree;
  }
  if (Array.isArray(value)) {
    const rule = listRule(context.kind, path, context.custom);
    if (rule === 'atomic') return leaf;
    const tree: FieldTree = {};
    for (const item of value) {
      tree[itemStep(rule, item)] =
        rule === 'set' || !isFields(item) ? leaf : { '.': leaf, ...treeOf(context, item, path) };
    }
    return tree;
  }
  return leaf;
}

export function union(a: FieldTree, b: FieldTree): FieldTree {
  const result: FieldTree = { ...a };
  for (const [step, tree] of Object.entries(b)) {
    const mine = result[step];
    result[step] = mine === undefined ? tree : union(mine, tree);
  }
  return result;
}

/** `a` without the fields of `b`; a branch that loses all its fields goes too. */
export function subtract(a: FieldTree, b: FieldTree): FieldTree {
  const result: FieldTree = {};
  for (const [step, tree] of Object.entries(a)) {
    const other = b[step];
    if (other === undefined) {
      result[step] = tree;
      continue;
    }
    if (isLeaf(tree) && isLeaf(other)) continue;
    // A leaf beside a branch owns the empty object itself, and nothing in it.
    const rest = isLeaf(tree) ? tree : subtract(tree, other);
    if (isLeaf(tree) || !isLeaf(rest)) result[step] = rest;
  }
  return result;
}

export function isEmpty(tree: FieldTree): boolean {
  return isLeaf(tree);
}

/** Fields of `next` that `old` does not have or has with another value. */
export function changedFields(
  context: FieldContext,
  old: unknown,
  next: unknown,
  path: readonly string[] = [],
): FieldTree {
  if (isFields(next) && isFields(old)) {
    const tree: FieldTree = {};
    for (const [key, value] of Object.entries(next)) {
      if (value === undefined || sameJson(old[key], value)) continue;
      const at = [...path, key];
      if (old[key] === undefined) tree[`f:${key}`] = treeOf(context, value, at);
      else tree[`f:${key}`] = changedFields(context, old[key], value, at);
    }
    for (const step of Object.keys(tree)) {
      const value = next[step.slice(2)];
      const container =
        isFields(value) ||
        (Array.isArray(value) && listRule(context.kind, [...path, step.slice(2)], context.custom) !== 'atomic');
      if (container && isLeaf(tree[step] as FieldTree) && old[step.slice(2)] !== undefined) delete tree[step];
    }
    return tree;
  }
  if (Array.isArray(next) && Array.isArray(old)) {
    const rule = listRule(context.kind, path, context.custom);
    if (rule === 'atomic') return leaf;
    const before = new Map(old.map((item) => [itemStep(rule, item), item]));
    const tree: FieldTree = {};
    for (const item of next) {
      const step = itemStep(rule, item);
      const was = before.get(step);
      if (was === undefined)
        tree[step] = rule === 'set' || !isFields(item) ? leaf : { '.': leaf, ...treeOf(context, item, path) };
      else if (!sameJson(was, item)) {
        const inner = changedFields(context, was, item, path);
        if (!isLeaf(inner)) tree[step] = inner;
      }
    }
    return tree;
  }
  return treeOf(context, next, path);
}

function shownStep(step: string): string {
  if (step.startsWith('f:')) return `.${step.slice(2)}`;
  if (step.startsWith('v:')) return `[=${step.slice(2)}]`;
  const keys = JSON.parse(step.slice(2)) as Fields;
  const parts = Object.entries(keys).map(([key, value]) => `${key}=${JSON.stringify(value)}`);
  return `[${parts.join(',')}]`;
}

function child(context: FieldContext, value: unknown, step: string, path: readonly string[]): unknown {
  if (step.startsWith('f:')) return isFields(value) ? value[step.slice(2)] : undefined;
  const rule = listRule(context.kind, path, context.custom);
  if (rule === 'atomic') return undefined;
  return listOf(value).find((item) => itemStep(rule, item) === step);
}

/** Leaves that both trees have, and whose values differ between the two objects: as shown path and as a tree. */
export function disagreement(
  context: FieldContext,
  mine: { tree: FieldTree; value: unknown },
  theirs: { tree: FieldTree; value: unknown },
  path: readonly string[] = [],
  shown = '',
): { fields: string[]; tree: FieldTree } {
  const fields: string[] = [];
  const tree: FieldTree = {};
  for (const [step, mineBelow] of Object.entries(mine.tree)) {
    const theirsBelow = theirs.tree[step];
    if (theirsBelow === undefined || step === '.') continue;
    const at = step.startsWith('f:') ? [...path, step.slice(2)] : path;
    const a = child(context, mine.value, step, path);
    const b = child(context, theirs.value, step, path);
    if (isLeaf(mineBelow) || isLeaf(theirsBelow)) {
      const bothLeaves = isLeaf(mineBelow) && isLeaf(theirsBelow);
      if (bothLeaves && !sameJson(a, b) && !(isFields(a) && isFields(b))) {
        fields.push(shown + shownStep(step));
        tree[step] = leaf;
      }
      continue;
    }
    const below = disagreement(
      context,
      { tree: mineBelow, value: a },
      { tree: theirsBelow, value: b },
      at,
      shown + shownStep(step),
    );
    if (below.fields.length > 0) {
      fields.push(...below.fields);
      tree[step] = below.tree;
    }
  }
  return { fields, tree };
}

/** The value without the fields of the tree; objects and lists that become empty by it go too. */
export function removeFields(
  context: FieldContext,
  value: unknown,
  tree: FieldTree,
  path: readonly string[] = [],
): unknown {
  if (Array.isArray(value)) {
    const rule = listRule(context.kind, path, context.custom);
    if (rule === 'atomic') return undefined;
    const kept: unknown[] = [];
    for (const item of value) {
      const below = tree[itemStep(rule, item)];
      if (below === undefined) kept.push(item);
      else if (!isLeaf(below) && below['.'] === undefined) kept.push(removeFields(context, item, below, path));
    }
    return kept.length === 0 ? undefined : kept;
  }
  if (!isFields(value)) return undefined;
  const result: Fields = { ...value };
  for (const [step, below] of Object.entries(tree)) {
    const key = step.slice(2);
    if (result[key] === undefined) continue;
    const inner = result[key];
    const filled = isFields(inner)
      ? Object.keys(inner).length > 0
      : Array.isArray(inner) && listRule(context.kind, [...path, key], context.custom) !== 'atomic';
    if (isLeaf(below) && filled) continue;
    const rest = isLeaf(below) ? undefined : removeFields(context, inner, below, [...path, key]);
    if (rest === undefined || (isFields(rest) && Object.keys(rest).length === 0)) delete result[key];
    else result[key] = rest;
  }
  return result;
}

/** Server-side apply's merge of a configuration into the live value. */
export function applyMerge(
  context: FieldContext,
  live: unknown,
  applied: unknown,
  path: readonly string[] = [],
): unknown {
  if (isFields(applied)) {
    const result: Fields = isFields(live) ? { ...live } : {};
    for (const [key, value] of Object.entries(applied)) {
      if (value === null || value === undefined) continue;
      result[key] = applyMerge(context, result[key], value, [...path, key]);
    }
    return result;
  }
  if (!Array.isArray(applied)) return applied;
  const rule = listRule(context.kind, path, context.custom);
  if (rule === 'atomic' || !Array.isArray(live)) return applied;
  const result = [...live];
  for (const item of applied) {
    const step = itemStep(rule, item);
    const index = result.findIndex((each) => itemStep(rule, each) === step);
    if (index < 0) result.push(item);
    else result[index] = applyMerge(context, result[index], item, path);
  }
  return result;
}
