/** One numbered change of the schema. A released migration is never edited. */
export interface Migration {
  version: number;
  name: string;
  /** Statements for SQLite; run in one transaction together with raising the version. */
  sqlite: string;
}
