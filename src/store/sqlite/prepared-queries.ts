import type Database from 'better-sqlite3';
import { type Compilable, DummyDriver, Kysely, SqliteAdapter, SqliteIntrospector, SqliteQueryCompiler } from 'kysely';
import { storeFailure } from './failures.ts';
import type { Tables } from './schema.ts';

/** Queries that name a list have a text for each of its lengths: so many are kept, and then prepared anew. */
export const statementsKept = 500;

/** Queries are built and typed by Kysely and run as prepared statements, cached by their text. */
export class PreparedQueries {
  readonly build = new Kysely<Tables>({
    dialect: {
      createAdapter: () => new SqliteAdapter(),
      createDriver: () => new DummyDriver(),
      createIntrospector: (db) => new SqliteIntrospector(db),
      createQueryCompiler: () => new SqliteQueryCompiler(),
    },
  });
  readonly #database: Database.Database;
  readonly #path: string;
  readonly #statements = new Map<string, Database.Statement>();
  /** SQL of queries by their shape. */
  readonly #texts = new Map<string, string>();

  constructor(database: Database.Database, path: string) {
    this.#database = database;
    this.#path = path;
  }

  get size(): number {
    return this.#statements.size;
  }

  all<Row>(query: Compilable<Row>): Row[] {
    const { sql: text, parameters } = query.compile();
    return this.rowsOf<Row>(text, parameters);
  }

  rowsOf<Row>(text: string, parameters: readonly unknown[]): Row[] {
    try {
      return this.#statement(text).all(...parameters) as Row[];
    } catch (error) {
      throw storeFailure(error, this.#path);
    }
  }

  /** Answers how many rows it changed. Failures are the caller's, whose transaction ends with them. */
  run(query: Compilable): number {
    const { sql: text, parameters } = query.compile();
    return this.#statement(text).run(...parameters).changes;
  }

  /**
   * A query that is asked again and again is built and compiled the first time that its shape is asked for, which takes as long as SQLite
   * itself. `parameters` in the order in which the query names them.
   */
  allShaped<Row>(shape: string, parameters: readonly unknown[], build: () => Compilable<Row>): Row[] {
    return this.rowsOf<Row>(this.#textOf(shape, parameters, build), parameters);
  }

  /** The same for one that writes. */
  runShaped(shape: string, parameters: readonly unknown[], build: () => Compilable): number {
    return this.#statement(this.#textOf(shape, parameters, build)).run(...parameters).changes;
  }

  #textOf(shape: string, parameters: readonly unknown[], build: () => Compilable): string {
    const known = this.#texts.get(shape);
    if (known !== undefined) return known;
    const compiled = build().compile();
    const same = parameters.every((value, index) => value === compiled.parameters[index]);
    if (!same || compiled.parameters.length !== parameters.length) throw new Error(`query ${shape}: other parameters`);
    this.#texts.set(shape, compiled.sql);
    return compiled.sql;
  }

  clear(): void {
    this.#statements.clear();
  }

  #statement(text: string): Database.Statement {
    const known = this.#statements.get(text);
    if (known) return known;
    if (this.#statements.size >= statementsKept) this.#statements.clear();
    const prepared = this.#database.prepare(text);
    this.#statements.set(text, prepared);
    return prepared;
  }
}
