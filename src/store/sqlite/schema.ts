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

export interface Tables {
  processes: Processes;
  journal: Journal;
  messages: Messages;
  facts: Facts;
  slots: Slots;
  trace: Trace;
}
