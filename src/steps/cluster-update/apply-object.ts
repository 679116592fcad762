/** One object applied by server-side apply, with what is done about fields that others own. */
import { ApplyConflictError, describeConflicts } from '../../domain/apply-conflict.ts';
import { FailureError, terminal } from '../../domain/failure.ts';
import { identityOfObject, type KubeObject } from '../../domain/kube-object.ts';
import { describeObject } from '../../planning/pipeline/apply-order.ts';
import { type ConflictPolicy, resolveConflicts } from '../../planning/pipeline/conflicts.ts';
import { withoutField, withoutFields } from '../../planning/pipeline/field-path.ts';
import { type AppliedObject, fieldsDigest, type InventoryEntry } from '../../planning/pipeline/inventory.ts';
import { comparable, firstDifference } from '../../planning/pipeline/subset.ts';
import type { KubeCluster, Resource } from '../../ports/kube-cluster.ts';
import type { JournalNote } from '../../ports/step.ts';
import { assertLease, type UpdateInput } from './update-step.ts';

export interface Applier {
  kube: KubeCluster;
  input: UpdateInput;
  policy: ConflictPolicy;
  /** What is known to have been applied, by identity. */
  entries: ReadonlyMap<string, InventoryEntry>;
  /** What was sent or found as it should be, in this run. */
  applied: Map<string, AppliedObject>;
  /** Objects that were sent. */
  sent: number;
  /** Those of them, by identity, that were there before with another spec. */
  changed: Set<string>;
  notes: JournalNote[];
}

/** Sends only what differs from what was applied or from what is there: an object that is as rendered is left alone. */
export async function applyObject(applier: Applier, object: KubeObject): Promise<KubeObject> {
  const { kube, entries, applied } = applier;
  const resource = await kube.resourceOf(object.apiVersion, object.kind);
  const { namespace, name } = object.metadata;
  if (resource.namespaced && namespace === undefined) {
    throw new FailureError(terminal('namespace-missing', `${describeObject(object)} says no namespace`));
  }
  const identity = identityOfObject(object);
  const live = await kube.get(resource, resource.namespaced ? namespace : undefined, name);
  const entry = entries.get(identity);
  if (live !== undefined && isAsApplied(object, live, entry)) {
    applied.set(identity, { object, uid: entry?.uid ?? '', left: entry?.left ?? [] });
    return live;
  }
  const { result, left } = await send(applier, resource, object);
  applier.sent += 1;
  if (live !== undefined && live.metadata.generation !== result.metadata.generation) applier.changed.add(identity);
  applied.set(identity, { object, uid: result.metadata.uid ?? '', left });
  return result;
}

/** Same object, same fields set, and each with its value; what was left to others is theirs. */
export function isAsApplied(object: KubeObject, live: KubeObject, entry: InventoryEntry | undefined): boolean {
  if (entry === undefined || entry.uid === '' || entry.uid !== live.metadata.uid) return false;
  if (entry.fields !== fieldsDigest(object)) return false;
  return firstDifference(comparable(withoutFields(object, entry.left)), live) === undefined;
}

async function send(
  applier: Applier,
  resource: Resource,
  object: KubeObject,
): Promise<{ result: KubeObject; left: string[] }> {
  const { kube, input, policy, notes } = applier;
  assertLease(input);
  try {
    return { result: await kube.apply(resource, object), left: [] };
  } catch (error) {
    if (!(error instanceof ApplyConflictError)) throw error;
    const { force, leave, fail } = resolveConflicts(error.conflicts, policy);
    let rest = object;
    for (const conflict of leave) {
      const without = withoutField(rest, conflict.field);
      if (without === undefined) fail.push(conflict);
      else rest = without;
    }
    if (fail.length > 0) {
      const remedy = 'end that, or say with apply_conflicts what is to be done about that manager';
      throw new FailureError(
        terminal('field-conflict', `${describeObject(object)}: ${describeConflicts(fail)}; ${remedy}`),
      );
    }
    assertLease(input);
    const result = await kube.apply(resource, rest, { force: force.length > 0 });
    const where = `${describeObject(object)} of ${input.context.clusterId}`;
    if (force.length > 0) notes.push(note('fields-taken', `${where}: taken over where ${describeConflicts(force)}`));
    if (leave.length > 0) notes.push(note('fields-left', `${where}: left alone where ${describeConflicts(leave)}`));
    return { result, left: leave.map((conflict) => conflict.field) };
  }
}

const note = (kind: string, message: string): JournalNote => ({ kind, message });
