/** Checks left out for a while: laid down with who, why and until when, and ended again. An expired one holds nothing. */
import type { ApiBackend, Operator } from '../api/backend.ts';
import { ApiError, unknownSubject } from '../api/errors.ts';
import { catalogue } from '../checks/profiles.ts';
import type { Cluster } from '../domain/cluster.ts';
import { nearMatches } from '../domain/near-matches.ts';
import type { Quarantine } from '../ports/check-runner.ts';
import type { JournalEntry, Store } from '../ports/store.ts';
import { findCluster } from './find-cluster.ts';

const factKind = 'e2e-quarantine';

export interface QuarantinesInput {
  store: Store;
  clusters: () => Cluster[];
  now: () => number;
}

export function createQuarantines(input: QuarantinesInput): ApiBackend['checks'] {
  const { store, now } = input;
  const current = async (): Promise<Quarantine[]> => {
    const facts = await store.facts(factKind);
    return facts.map((fact) => fact.value as unknown as Quarantine).filter((one) => one.until > now());
  };
  const post = async (
    by: Operator,
    subject: { check: string; cluster: Cluster | undefined },
    kind: string,
    message: string,
    value: Quarantine | null,
  ): Promise<void> => {
    const { check, cluster } = subject;
    const entry: JournalEntry = {
      at: now(),
      source: `operator:${by.name}`,
      seq: 0,
      kind,
      channel: cluster?.channel ?? '',
      cluster: cluster?.id ?? '',
      commit: '',
      message,
      data: { check },
    };
    const key = keyOf(check, cluster);
    await store.post({ facts: [{ kind: factKind, key, value: value as never }], journal: [entry], now: now() });
  };
  const where = (cluster: Cluster | undefined): string =>
    cluster === undefined ? 'everywhere' : `on ${cluster.alias}`;
  return {
    quarantines: current,
    async quarantine(request, by) {
      const { check, reason, issue, forSeconds } = request;
      if (!catalogue.some((one) => one.id === check)) {
        throw unknownSubject(
          'check',
          check,
          nearMatches(
            check,
            catalogue.map((one) => one.id),
          ),
        );
      }
      const cluster = clusterOf(input, request.cluster);
      const until = now() + forSeconds * 1000;
      const value: Quarantine = {
        check,
        until,
        reason,
        actor: by.name,
        ...(cluster === undefined ? {} : { cluster: cluster.id }),
        ...(issue === undefined ? {} : { issue }),
      };
      const message = `${by.name} quarantined check ${check} ${where(cluster)} until ${new Date(until).toISOString()}: ${reason}`;
      await post(by, { check, cluster }, 'e2e-quarantined', message, value);
      const end = `clm e2e unquarantine ${check}${cluster === undefined ? '' : ` --cluster ${cluster.alias}`} --reason …`;
      return {
        told: [],
        message: `${message}\nUntil then it is skipped with code QUARANTINED, and blocks nothing. To end it: ${end}`,
      };
    },
    async endQuarantine(request, by) {
      const { check, reason } = request;
      const cluster = clusterOf(input, request.cluster);
      const known = await current();
      if (!known.some((one) => one.check === check && one.cluster === cluster?.id)) {
        const others = known.map((one) => (one.cluster === undefined ? one.check : `${one.check} on ${one.cluster}`));
        const there = others.length === 0 ? 'Nothing is quarantined.' : `Quarantined are: ${others.join(', ')}.`;
        throw new ApiError(409, 'nothing-to-end', `${check} is not quarantined ${where(cluster)}. ${there}`);
      }
      const message = `${by.name} ended the quarantine of check ${check} ${where(cluster)}: ${reason}`;
      await post(by, { check, cluster }, 'e2e-unquarantined', message, null);
      return { told: [], message };
    },
  };
}

function keyOf(check: string, cluster: Cluster | undefined): string {
  return cluster === undefined ? check : `${check}/${cluster.id}`;
}

function clusterOf(input: QuarantinesInput, name: string | undefined): Cluster | undefined {
  return name === undefined ? undefined : findCluster(input.clusters(), name);
}
