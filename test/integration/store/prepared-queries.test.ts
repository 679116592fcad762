import Database from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import { PreparedQueries, statementsKept } from '../../../src/store/sqlite/prepared-queries.ts';

describe('prepared queries', () => {
  it('keep statements by their text, and no more than so many: a list has a text for each of its lengths', () => {
    const database = new Database(':memory:');
    database.exec('CREATE TABLE e2e_runs (id TEXT PRIMARY KEY)');
    database.exec("INSERT INTO e2e_runs VALUES ('a'), ('b')");
    const queries = new PreparedQueries(database, ':memory:');
    const except = (ids: string[]) =>
      queries.all(queries.build.selectFrom('e2e_runs').select('id').where('id', 'not in', ids));
    expect(except(['a'])).toEqual([{ id: 'b' }]);
    expect(except(['b'])).toEqual([{ id: 'a' }]);
    expect(queries.size).toBe(1);
    for (let length = 2; length <= statementsKept + 3; length += 1) {
      expect(except(['a', ...Array.from({ length: length - 1 }, (_, index) => `x${index}`)])).toEqual([{ id: 'b' }]);
    }
    expect(queries.size).toBe(3);
    database.close();
  });
});
