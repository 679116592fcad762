/** The tables as queries see them. JSON columns hold text. */
import type { Generated } from 'kysely';

interface Processes {
  id: string;
  machine: string;
  version: number;
  seq: number;
  value: string;
  context: string;
  status: string;
  wake_at: number | null;
  parent: string | null;
  channel: string;
  cluster: string;
  commit_id: string;
  created_at: number;
  updated_at: number;
}

interface Journal {
  id: Generated<number>;
  at: number;
  source: string;
  seq: number;
  kind: string;
  channel: string;
  cluster: string;
  commit_id: string;
  message: string;
  data: string;
  hash: string;
}

interface Messages {
  id: Generated<number>;
  sender: string;
  receiver: string;
  message: string;
  dedup_key: string | null;
  created_at: number;
  delivered_at: number | null;
}

interface Facts {
  kind: string;
  key: string;
  value: string;
  updated_at: number;
}

interface Slots {
  name: string;
  holder: string;
}

interface Trace {
  process: string;
  seq: number;
  at: number;
  event: string;
  from_state: string;
  to_state: string;
}

interface E2eLedger {
  run: string;
  seq: number;
  cluster: string;
  check_id: string;
  at: number;
  what: string;
}

export interface E2eRuns {
  id: string;
  kind: string;
  profile: string;
  trigger: string;
  channel: string;
  commit_id: string;
  cluster: string;
  provider: string;
  region: string;
  environment: string;
  kubernetes_version: string;
  started_at: number;
  finished_at: number;
  verdict: string;
  reason: string;
  runner_version: string;
  contact: string;
  headers: string;
}

interface E2eTests {
  key: string;
  title: string;
  area: string;
  gate: string;
  first_seen: number;
  last_seen: number;
}

export interface E2eResults {
  run: string;
  test: string;
  outcome: string;
  attempts: number;
  started_at: number;
  duration_ms: number;
  message: string;
  signature: string;
  skip_code: string;
  leaked: number;
  nodes: string;
}

export interface Tables {
  processes: Processes;
  journal: Journal;
  messages: Messages;
  facts: Facts;
  slots: Slots;
  trace: Trace;
  e2e_ledger: E2eLedger;
  e2e_runs: E2eRuns;
  e2e_tests: E2eTests;
  e2e_results: E2eResults;
}
