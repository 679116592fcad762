import { relative } from './channel-eta.ts';
import type { ClusterStatus, ExplanationLink, StatusDocument } from './status-document.ts';

/** Whether it is still as it was recorded. While it is updated nobody looks, and what was seen before says nothing. */
export function driftLinks(status: StatusDocument, cluster: ClusterStatus): ExplanationLink[] {
  const { drift } = cluster;
  if (drift === undefined || cluster.state !== 'up-to-date') return [];
  const { lookedAt, nextLookAt, found } = drift;
  const next = `looked at again ${relative(status.at, nextLookAt)}`;
  const link = { depth: 1, subject: 'drift', next };
  if (lookedAt === undefined) return [{ ...link, message: 'Nobody has looked yet whether it is as it was recorded.' }];
  if (found.length === 0) return [{ ...link, message: 'It was as recorded when it was last looked at.' }];
  return [
    {
      ...link,
      message: `It differs from what was recorded: ${found.join('; ')}`,
      code: 'cluster-drifted',
      since: lookedAt,
      action: 'undo the change, or make it one of the configuration; clm explain cluster-drifted',
    },
  ];
}
