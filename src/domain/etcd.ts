/** How members of an etcd of its own (a stack of kind etcd, whose instances are no nodes) are replaced: config items `etcd_…`. */
import { parseDuration } from '../support/duration.ts';

export interface EtcdSettings {
  /** `rolling`: outdated members are replaced one by one; `manual`: somebody ends their instances. */
  strategy: 'rolling' | 'manual';
  /** Where a member says how it is: a URL with `{address}` in it. Without one, no member is ever replaced. */
  healthUrl?: string | undefined;
  /** Where a member answers clients (the JSON gateway of the v3 API), with `{address}` in it. Without one, nobody is asked for the members. */
  clientUrl?: string | undefined;
  /** On the daemon's machine: ca.crt, client.crt and client.key for members that answer https. */
  tlsDirectory?: string | undefined;
  /**
   * `kept`: the instance that follows takes over volume and name, and is the same member. `fresh`: it joins as a new member, and the old
   * one is removed first.
   */
  data: 'kept' | 'fresh';
  /** Longest time in which not all members are healthy; then the update fails. */
  memberTimeoutMs: number;
  /** All members are healthy for so long before the first one goes, and after each. */
  settleMs: number;
}

export const defaultEtcdSettings: EtcdSettings = {
  strategy: 'rolling',
  data: 'kept',
  memberTimeoutMs: 20 * 60_000,
  settleMs: 60_000,
};

interface Setting {
  expects: string;
  /** undefined when the value cannot be read. */
  read(value: string): Partial<EtcdSettings> | undefined;
}

const readers: Readonly<Record<string, Setting>> = {
  etcd_update_strategy: {
    expects: 'rolling or manual',
    read: (value) => (value === 'rolling' || value === 'manual' ? { strategy: value } : undefined),
  },
  etcd_health_url: {
    expects: 'an http(s) URL with {address} for the private address of a member: http://{address}:2381/health',
    read: (value) => (isMemberUrl(value) ? { healthUrl: value } : undefined),
  },
  etcd_client_url: {
    expects: 'an http(s) URL with {address} for the private address of a member: https://{address}:2379',
    read: (value) => (isMemberUrl(value) ? { clientUrl: value.replace(/\/+$/, '') } : undefined),
  },
  etcd_tls_directory: {
    expects: "the path of a directory on the daemon's machine, with ca.crt, client.crt and client.key: /etc/clm/etcd",
    read: (value) =>
      /^\/[^\0]*$/.test(value) && !value.split('/').includes('..') ? { tlsDirectory: value } : undefined,
  },
  etcd_member_data: {
    expects: 'kept or fresh',
    read: (value) => (value === 'kept' || value === 'fresh' ? { data: value } : undefined),
  },
  etcd_member_timeout: {
    expects: 'a duration from 5m to 6h',
    read: (value) => {
      const ms = parseDuration(value);
      return ms !== undefined && ms >= 5 * 60_000 && ms <= 6 * 3_600_000 ? { memberTimeoutMs: ms } : undefined;
    },
  },
  etcd_settle: {
    expects: 'a duration from 10s to 1h',
    read: (value) => {
      const ms = parseDuration(value);
      return ms !== undefined && ms >= 10_000 && ms <= 3_600_000 ? { settleMs: ms } : undefined;
    },
  },
};

function isMemberUrl(value: string): boolean {
  if (!value.includes('{address}')) return false;
  const url = value.replaceAll('{address}', '10.0.0.1');
  return URL.canParse(url) && /^https?:$/.test(new URL(url).protocol);
}

/** What the effective config items of a cluster say; an empty value counts as none. Every value that cannot be read is a problem. */
export function readEtcdSettings(items: Readonly<Record<string, string>>): {
  settings: EtcdSettings;
  problems: { item: string; message: string; remedy: string }[];
} {
  let settings = defaultEtcdSettings;
  const problems: { item: string; message: string; remedy: string }[] = [];
  for (const [item, { expects, read }] of Object.entries(readers)) {
    const value = items[item];
    if (value === undefined || value === '') continue;
    const found = read(value);
    if (found === undefined)
      problems.push({ item, message: `'${value}' is not a value of ${item}`, remedy: `write ${expects}` });
    else settings = { ...settings, ...found };
  }
  if (settings.data === 'fresh' && settings.clientUrl === undefined && settings.strategy === 'rolling') {
    const message =
      'etcd_member_data is fresh, so that old members have to be removed, and nothing says where etcd answers clients';
    problems.push({
      item: 'etcd_client_url',
      message,
      remedy: 'write https://{address}:2379, or leave out etcd_member_data',
    });
  }
  return { settings, problems };
}

/** The roll of the members of one etcd, as the cluster update keeps and shows it. */
export interface EtcdRoll {
  /** Members that the groups want. */
  total: number;
  outdated: number;
  /** Decision time of the last look. */
  lookedAt: number;
  /** Since when all members have been seen healthy; null = the last look did not see that. */
  healthySince: number | null;
  /** How long not all members were seen healthy, in observed time. */
  unwellMs: number;
  /** Member on its way out, or whose successor is waited for; null = none. */
  inFlight: { instanceId: string; group: string; since: number } | null;
}
