import type { LabelSelector } from '../../domain/cluster-view.ts';

/** As policy/v1 has it: no selector matches nothing, an empty one matches everything in the namespace. */
export function selectorMatches(selector: LabelSelector | undefined, labels: Record<string, string>): boolean {
  if (selector === undefined) return false;
  for (const [key, value] of Object.entries(selector.matchLabels ?? {})) if (labels[key] !== value) return false;
  for (const expression of selector.matchExpressions ?? []) {
    if (!expressionMatches(expression, labels)) return false;
  }
  return true;
}

function expressionMatches(
  expression: { key: string; operator: string; values?: string[] },
  labels: Record<string, string>,
): boolean {
  const value = labels[expression.key];
  const values = expression.values ?? [];
  switch (expression.operator) {
    case 'In':
      return value !== undefined && values.includes(value);
    case 'NotIn':
      return value === undefined || !values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
    default:
      // An operator this program does not know: the budget may well apply, so it does (B8).
      return true;
  }
}
