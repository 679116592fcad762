/** Server-side apply was refused because others own fields that it would change. */
import { FailureError, terminal } from './failure.ts';

export interface FieldConflict {
  /** Field manager as the server names it: `kubectl-client-side-apply`. */
  manager: string;
  /** `.spec.replicas`, `.spec.template.spec.containers[name="app"].image` */
  field: string;
}

export class ApplyConflictError extends FailureError {
  readonly conflicts: readonly FieldConflict[];

  constructor(where: string, conflicts: readonly FieldConflict[]) {
    super(terminal('field-conflict', `${where}: ${describeConflicts(conflicts)}`));
    this.name = 'ApplyConflictError';
    this.conflicts = conflicts;
  }
}

const mostNamed = 5;

/** `kubectl owns .spec.replicas, .data.a; helm owns .data.b` */
export function describeConflicts(conflicts: readonly FieldConflict[]): string {
  const fields = new Map<string, string[]>();
  for (const { manager, field } of conflicts) fields.set(manager, [...(fields.get(manager) ?? []), field]);
  return [...fields]
    .map(([manager, owned]) => {
      const more = owned.length > mostNamed ? ` and ${owned.length - mostNamed} more` : '';
      return `${manager} owns ${owned.slice(0, mostNamed).join(', ')}${more}`;
    })
    .join('; ');
}
