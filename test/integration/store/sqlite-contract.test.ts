import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach } from 'vitest';
import { openSqliteStore } from '../../../src/store/sqlite/open.ts';
import { describeStoreContract } from '../../support/store-contract.ts';

let directory = '';
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'clm-store-'));
});
afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

describeStoreContract('sqlite', () => openSqliteStore({ path: join(directory, 'clm.db') }));
