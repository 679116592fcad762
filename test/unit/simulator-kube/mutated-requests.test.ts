import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../src/support/random.ts';
import { kubeInconsistencies } from '../../support/kube-consistency.ts';
import { mutatedRequest } from '../../support/mutated-requests.ts';
import { apps, budget, deployment, policy, TestCluster } from './test-cluster.ts';

const seed = process.env['FUZZ_SEED'] ?? '20260101';

/** What a real server answers with 500 as well. */
const honest = [/more than one PodDisruptionBudget/, /strconv\.ParseUint/, /^failed to create typed patch object/];

describe('ten thousand mutated requests', () => {
  it(`get the API's own answers and leave the world consistent (FUZZ_SEED=${seed})`, { timeout: 120_000 }, () => {
    const random = seededRandom(seed);
    const cluster = TestCluster.withNodes(2);
    cluster.create(`${apps}/deployments`, deployment('web', 3));
    cluster.create(policy, budget('web', { minAvailable: 1 }));
    const codes = new Map<number, number>();
    for (let i = 0; i < 10_000; i++) {
      const { method, path, type, body } = mutatedRequest(random);
      const answer = cluster.send(method, path, body, { type });
      codes.set(answer.status, (codes.get(answer.status) ?? 0) + 1);
      const what = `request ${i}: ${method} ${path} ${type} ${body.toString('latin1').slice(0, 400)}`;
      if (answer.status >= 500 && !honest.some((each) => each.test(String(answer.body.message))))
        throw new Error(`${what} → ${JSON.stringify(answer.body)} ${cluster.model.truth().internalErrors.join('\n')}`);
      if (answer.status >= 400 && typeof answer.body !== 'string')
        expect(answer.body, what).toMatchObject({ kind: 'Status', status: 'Failure', code: answer.status });
      expect(JSON.stringify(answer.body), what).not.toMatch(/\bat [\w.#<>]+ \(|node_modules|\.ts:\d+/);
      if (i % 10 === 0) cluster.advance(200);
      if (cluster.model.truth().internalErrors.length > 0)
        throw new Error(`${what}\n${cluster.model.truth().internalErrors.join('\n')}`);
      keepServing(cluster);
    }
    cluster.advance(900_000);
    expect(kubeInconsistencies(cluster.model)).toEqual([]);
    // The requests reached all parts: most kinds of answers were given.
    for (const code of [200, 201, 400, 404, 405, 409, 415, 422])
      expect(codes.get(code) ?? 0, String(code)).toBeGreaterThan(20);
    expect(cluster.send('GET', '/readyz').body).toBe('ok');
  });
});

/** The namespace in which everything happens comes back when a request deleted it. */
function keepServing(cluster: TestCluster): void {
  const home = cluster.model.truth().objects('namespaces').get('default');
  if (home && home.metadata.deletionTimestamp === undefined) return;
  cluster.advance(600_000);
  cluster.send('POST', '/api/v1/namespaces', { metadata: { name: 'default' } });
}
