/** Tells the answers of the Eviction API apart; several HTTP codes mean more than one thing. */
import { FailureError, terminal } from '../../domain/failure.ts';
import type { EvictionResult } from '../../ports/kube-cluster.ts';
import {
  type ApiStatus,
  deniedByAdmission,
  hasCause,
  readStatus,
  saysObjectMissing,
  statusFailure,
} from './api-status.ts';
import type { KubeAnswer } from './kube-exchange.ts';

const budgetInMessage = /disruption budget (\S+)/gi;

function budgetsIn(status: ApiStatus): string[] {
  const names = new Set<string>();
  for (const cause of status.causes) {
    if (cause.reason !== 'DisruptionBudget') continue;
    for (const match of cause.message.matchAll(budgetInMessage)) names.add(match[1] as string);
  }
  return [...names];
}

function refusedByBudget(status: ApiStatus): EvictionResult {
  const why = status.causes.find((cause) => cause.reason === 'DisruptionBudget')?.message;
  return {
    kind: 'refused-by-budget',
    message: why || status.message,
    budgets: budgetsIn(status),
    ...(status.retryAfterMs === undefined ? {} : { retryAfterMs: status.retryAfterMs }),
  };
}

function unsupported(where: string): FailureError {
  const message = `${where}: the server does not serve policy/v1 evictions; nothing is deleted instead`;
  return new FailureError(terminal('kube-eviction-unsupported', message));
}

/**
 * What an answer to an eviction means; throws FailureError for all that says nothing about the pod: throttling of the API server
 * (a 429 without the cause DisruptionBudget), missing rights, server errors, and a server without the eviction subresource.
 */
export function classifyEviction(answer: KubeAnswer, where: string): EvictionResult {
  if (answer.status >= 200 && answer.status < 300) return { kind: 'accepted' };
  const status = readStatus(answer);
  // A webhook may deny with any code, 404 and 429 included, so it is looked for first.
  if (deniedByAdmission(status)) return { kind: 'blocked', code: 'admission-denied', message: status.message };
  switch (status.code) {
    case 404:
      if (saysObjectMissing(status)) return { kind: 'gone' };
      throw unsupported(where);
    case 400:
      // Before 1.22 the call was there, and took policy/v1beta1 alone.
      if (/no kind "Eviction" is registered for version "policy\/v1"/.test(status.message)) throw unsupported(where);
      break;
    case 409:
      if (/\bUID in\b/i.test(status.message)) return { kind: 'gone' };
      break;
    case 429:
      if (hasCause(status, 'DisruptionBudget')) return refusedByBudget(status);
      break;
    case 403:
      if (hasCause(status, 'NamespaceTerminating')) return { kind: 'namespace-terminating', message: status.message };
      if (/^poddisruptionbudgets?$/i.test(status.kind))
        return { kind: 'blocked', code: 'budget-invalid', message: status.message };
      break;
    case 500:
      if (/more than one PodDisruptionBudget/i.test(status.message)) {
        return { kind: 'blocked', code: 'multiple-budgets', message: status.message };
      }
      break;
  }
  throw new FailureError(statusFailure(status, where));
}
