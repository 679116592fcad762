import { initial } from './000001-initial.ts';
import { e2e } from './000002-e2e.ts';
import type { Migration } from './migration.ts';

/** In order, without gaps; the last one's version is what this program writes. */
export const migrations: readonly Migration[] = [initial, e2e];

export function currentVersion(): number {
  return migrations.at(-1)?.version ?? 0;
}
