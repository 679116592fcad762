/** A process of its own that takes the lease of the store at argv[2], says so, and then sits on it until it is killed. */
import { openSqliteStore } from '../../src/store/sqlite/open.ts';

const store = await openSqliteStore({ path: process.argv[2] ?? '' });
await store.acquireLease({
  holder: `process ${process.pid}`,
  signal: new AbortController().signal,
  onWait: () => process.stdout.write('waiting\n'),
});
process.stdout.write('held\n');
process.stdin.resume();
