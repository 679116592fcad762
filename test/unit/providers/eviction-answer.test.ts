import { describe, expect, it } from 'vitest';
import { FailureError } from '../../../src/domain/failure.ts';
import { classifyEviction } from '../../../src/providers/kube/eviction-answer.ts';
import type { KubeAnswer } from '../../../src/providers/kube/kube-exchange.ts';

function status(code: number, fields: Record<string, unknown>): KubeAnswer {
  return { status: code, body: { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', code, ...fields } };
}

function failureOf(answer: KubeAnswer): FailureError['failure'] {
  try {
    classifyEviction(answer, 'EVICT shop/pods/web-1 in cluster aws:1:eu:a');
  } catch (error) {
    if (error instanceof FailureError) return error.failure;
    throw error;
  }
  throw new Error('classified instead of thrown');
}

const budgetRefusal = {
  reason: 'TooManyRequests',
  message: "Cannot evict pod as it would violate the pod's disruption budget.",
  details: {
    causes: [
      { reason: 'DisruptionBudget', message: 'The disruption budget web needs 4 healthy pods and has 4 currently' },
    ],
  },
};

describe('the answer to an eviction', () => {
  it('is accepted for any 2xx', () => {
    expect(classifyEviction(status(201, { status: 'Success' }), 'x')).toEqual({ kind: 'accepted' });
    expect(classifyEviction(status(200, { status: 'Success' }), 'x')).toEqual({ kind: 'accepted' });
  });

  it('names the budget that refuses, without a wait when the server gave none', () => {
    expect(classifyEviction(status(429, budgetRefusal), 'x')).toEqual({
      kind: 'refused-by-budget',
      message: 'The disruption budget web needs 4 healthy pods and has 4 currently',
      budgets: ['web'],
    });
  });

  it('keeps the wait of a budget whose status is still being processed', () => {
    const answer = status(429, {
      ...budgetRefusal,
      details: {
        retryAfterSeconds: 10,
        causes: [
          { reason: 'DisruptionBudget', message: 'The disruption budget web is still being processed by the server.' },
        ],
      },
    });
    expect(classifyEviction(answer, 'x')).toMatchObject({
      kind: 'refused-by-budget',
      budgets: ['web'],
      retryAfterMs: 10_000,
    });
  });

  it('is throttling, and not a budget, for a 429 without the cause DisruptionBudget', () => {
    const answer = {
      ...status(429, { reason: 'TooManyRequests', message: 'too many requests, please try again later' }),
      retryAfterMs: 1000,
    };
    expect(failureOf(answer)).toMatchObject({ kind: 'transient', code: 'kube-throttled', retryAfterMs: 1000 });
  });

  it('is gone for a pod that is not found', () => {
    const answer = status(404, {
      reason: 'NotFound',
      message: 'pods "web-1" not found',
      details: { name: 'web-1', kind: 'pods' },
    });
    expect(classifyEviction(answer, 'x')).toEqual({ kind: 'gone' });
  });

  it('is a terminal failure for a server without the eviction subresource, and no sign that the pod is gone', () => {
    const noSubresource = status(404, {
      reason: 'NotFound',
      message: 'the server could not find the requested resource',
      details: {},
    });
    expect(failureOf(noSubresource)).toMatchObject({ kind: 'terminal', code: 'kube-eviction-unsupported' });
    expect(failureOf({ status: 404, body: '404 page not found\n' })).toMatchObject({
      code: 'kube-eviction-unsupported',
    });
    const beforeV1 = status(400, {
      reason: 'BadRequest',
      message:
        'Eviction in version "v1" cannot be handled as a Eviction: no kind "Eviction" is registered for version "policy/v1" in scheme "pkg/api/legacyscheme/scheme.go:30"',
    });
    expect(failureOf(beforeV1)).toMatchObject({ kind: 'terminal', code: 'kube-eviction-unsupported' });
    expect(failureOf(status(400, { reason: 'BadRequest', message: 'no' }))).toMatchObject({ code: 'kube-invalid' });
  });

  it('is gone when another pod has the name by now, and a conflict otherwise', () => {
    const otherUid = status(409, {
      reason: 'Conflict',
      message:
        'Operation cannot be fulfilled on pods "web-1": Precondition failed: UID in precondition: a, UID in object meta: b',
    });
    expect(classifyEviction(otherUid, 'x')).toEqual({ kind: 'gone' });
    const modified = status(409, {
      reason: 'Conflict',
      message: 'the object has been modified; please apply your changes',
    });
    expect(failureOf(modified)).toMatchObject({ kind: 'transient', code: 'kube-conflict' });
  });

  it('is blocked for a pod with several budgets, and a server error for any other 500', () => {
    const message = 'This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.';
    expect(classifyEviction(status(500, { message }), 'x')).toEqual({
      kind: 'blocked',
      code: 'multiple-budgets',
      message,
    });
    const webhookDown = status(500, {
      reason: 'InternalError',
      message: 'failed calling webhook "x": no endpoints available',
    });
    expect(failureOf(webhookDown)).toMatchObject({ kind: 'transient', code: 'kube-server-error' });
  });

  it('tells the three meanings of 403 apart, and a missing right from them', () => {
    const terminating = status(403, {
      reason: 'Forbidden',
      message: 'namespace shop is being terminated',
      details: { causes: [{ reason: 'NamespaceTerminating', message: 'namespace shop is being terminated' }] },
    });
    expect(classifyEviction(terminating, 'x')).toMatchObject({ kind: 'namespace-terminating' });
    const negative = status(403, {
      reason: 'Forbidden',
      message: 'poddisruptionbudget.policy "web" is forbidden: pdb disruptions allowed is negative',
      details: { name: 'web', group: 'policy', kind: 'poddisruptionbudget' },
    });
    expect(classifyEviction(negative, 'x')).toMatchObject({ kind: 'blocked', code: 'budget-invalid' });
    const right = status(403, {
      reason: 'Forbidden',
      message: 'pods "web-1" is forbidden: User "clm" cannot create resource "pods/eviction"',
    });
    expect(failureOf(right)).toMatchObject({ kind: 'terminal', code: 'kube-forbidden' });
  });

  it.each([400, 403, 404, 409, 422, 429, 500])(
    'is a denial by admission whatever status the webhook chose (%i)',
    (code) => {
      const answer = status(code, {
        message: 'admission webhook "keep.example.com" denied the request: not on Fridays',
      });
      expect(classifyEviction(answer, 'x')).toMatchObject({ kind: 'blocked', code: 'admission-denied' });
    },
  );
});
