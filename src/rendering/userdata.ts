import { gzipSync } from 'node:zlib';
import { BoundedCache } from '../support/bounded-cache.ts';
import { digestText } from '../support/digest.ts';

const compressed = new BoundedCache<string, string>({ maxEntries: 2_000, maxWeight: 8 * 1024 * 1024 });

/**
 * Stands for the user data while a stack template is rendered and digested. Digests therefore depend on the cloud-config's
 * text, not on the bytes that one version of the compression library makes of it: an upgrade of Node.js rolls no nodes.
 */
export function userDataToken(cloudConfigDigest: string): string {
  return `CLM-USERDATA-${cloudConfigDigest}`;
}

/** base64 of gzip, as the LaunchTemplate takes it. The same text gives the same bytes: no time and no host in the header. */
export function encodeUserData(cloudConfig: string): string {
  const key = digestText(cloudConfig);
  const known = compressed.get(key);
  if (known !== undefined) return known;
  const bytes = gzipSync(Buffer.from(cloudConfig), { level: 9 });
  // modification time, and the operating system that compressed it
  bytes.fill(0, 4, 8);
  bytes[9] = 0xff;
  const text = bytes.toString('base64');
  compressed.set(key, text, text.length);
  return text;
}
