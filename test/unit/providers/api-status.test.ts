import { describe, expect, it } from 'vitest';
import {
  fieldConflicts,
  readStatus,
  saysObjectMissing,
  statusFailure,
} from '../../../src/providers/kube/api-status.ts';
import type { KubeAnswer } from '../../../src/providers/kube/kube-exchange.ts';

function status(code: number, fields: Record<string, unknown> = {}): KubeAnswer {
  return { status: code, body: { kind: 'Status', status: 'Failure', code, ...fields } };
}

const where = 'GET nodes/a in cluster aws:1:eu:a';
const judge = (answer: KubeAnswer) => statusFailure(readStatus(answer), where);

describe('an error answer of the API server', () => {
  it.each([
    [status(400, { reason: 'BadRequest' }), 'terminal', 'kube-invalid'],
    [status(401, { reason: 'Unauthorized' }), 'transient', 'kube-unauthorized'],
    [status(403, { reason: 'Forbidden' }), 'terminal', 'kube-forbidden'],
    [status(403, { details: { causes: [{ reason: 'NamespaceTerminating' }] } }), 'transient', 'kube-conflict'],
    [status(404, { reason: 'NotFound', details: { name: 'a', kind: 'nodes' } }), 'transient', 'kube-not-found'],
    [status(404, { reason: 'NotFound', details: {} }), 'transient', 'kube-unknown-kind'],
    [status(409, { reason: 'Conflict' }), 'transient', 'kube-conflict'],
    [status(409, { reason: 'AlreadyExists' }), 'transient', 'kube-already-exists'],
    [status(410, { reason: 'Expired' }), 'transient', 'kube-expired'],
    [status(422, { reason: 'Invalid' }), 'terminal', 'kube-invalid'],
    [status(429, { reason: 'TooManyRequests' }), 'transient', 'kube-throttled'],
    [status(500, { reason: 'InternalError' }), 'transient', 'kube-server-error'],
    [status(503, { reason: 'ServiceUnavailable' }), 'transient', 'kube-server-error'],
    [status(504, { reason: 'Timeout' }), 'transient', 'kube-timeout'],
  ])('%j is %s %s and names the call', (answer, kind, code) => {
    expect(judge(answer)).toMatchObject({ kind, code });
    expect(judge(answer).message).toContain(where);
  });

  it.each([
    'failed to create typed patch object: .spec.foo: field not declared in schema',
    'failed to create typed patch object (default/web; apps/v1, Kind=Deployment): errors:\n  .spec.foo: field not declared in schema\n  .dta: field not declared in schema',
    'failed to create typed patch object: .data.a: expected string, got &value.valueUnstructured{Value:1}',
  ])(
    'refuses for good what does not fit the schema of its kind, though the server calls it an error of its own: %s',
    (message) => {
      const failure = judge(status(500, { message }));
      expect(failure).toMatchObject({ kind: 'terminal', code: 'kube-invalid' });
      expect(failure.message).toContain(where);
      expect(failure.message).toContain(message.replaceAll(/\s+/g, ' '));
      expect(judge(status(500, { reason: 'InternalError', message }))).toMatchObject({ kind: 'transient' });
    },
  );

  it('asks again when it is the stored object that does not fit', () => {
    const message = 'failed to create typed live object: .spec.foo: field not declared in schema';
    expect(judge(status(500, { message }))).toMatchObject({ kind: 'transient', code: 'kube-server-error' });
  });

  it('lists the fields and owners of a field-manager conflict', () => {
    const causes = [
      { reason: 'FieldManagerConflict', field: '.spec.replicas', message: 'conflict with "hpa" using autoscaling/v1' },
      { reason: 'Other', field: '.x', message: 'no' },
    ];
    const answer = status(409, { reason: 'Conflict', message: 'Apply failed with 1 conflict', details: { causes } });
    expect(fieldConflicts(readStatus(answer))).toEqual([{ field: '.spec.replicas', manager: 'hpa' }]);
  });

  it('does not take a 404 of another server, or of an unserved path, for a missing object', () => {
    expect(saysObjectMissing(readStatus({ status: 404, body: '404 page not found' }))).toBe(false);
    expect(saysObjectMissing(readStatus({ status: 404, body: '<html>no such host</html>' }))).toBe(false);
    expect(saysObjectMissing(readStatus(status(404, { reason: 'NotFound', details: {} })))).toBe(false);
    expect(saysObjectMissing(readStatus(status(404, { reason: 'NotFound', details: { name: 'a' } })))).toBe(true);
  });

  it('bounds the message that it repeats', () => {
    expect(judge({ status: 502, body: `<html>${'x'.repeat(100_000)}` }).message.length).toBeLessThan(600);
  });

  it('prefers the wait of the body over that of the header, and has none when neither says', () => {
    expect(judge({ ...status(429, { details: { retryAfterSeconds: 7 } }), retryAfterMs: 1000 }).retryAfterMs).toBe(
      7000,
    );
    expect(judge({ ...status(429), retryAfterMs: 1000 }).retryAfterMs).toBe(1000);
    expect(judge(status(429)).retryAfterMs).toBeUndefined();
  });
});
