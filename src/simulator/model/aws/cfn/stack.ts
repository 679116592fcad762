/** A CloudFormation stack: what it was told, what it made, and what happened to it. */
import type { Template } from './template.ts';

export interface StackEventEntry {
  id: string;
  at: number;
  logicalId: string;
  physicalId: string;
  type: string;
  status: string;
  reason?: string;
  token?: string;
}

export interface StackResource {
  logicalId: string;
  type: string;
  physicalId: string;
  attributes: Record<string, string | string[]>;
  /** Properties as they were last applied, all functions resolved. */
  applied: Record<string, unknown>;
  /** Text of `applied`, for comparison. */
  digest: string;
  status: string;
  reason?: string;
  changedAt: number;
  deletionPolicy: string;
}

/** What a stack is told to be. */
export interface StackDefinition {
  body: string;
  template: Template;
  parameters: Map<string, string>;
  tags: Map<string, string>;
  capabilities: string[];
}

export interface ChangeSet {
  id: string;
  name: string;
  type: 'CREATE' | 'UPDATE';
  status: 'CREATE_PENDING' | 'CREATE_IN_PROGRESS' | 'CREATE_COMPLETE' | 'FAILED' | 'DELETE_COMPLETE';
  reason?: string;
  executionStatus:
    | 'UNAVAILABLE'
    | 'AVAILABLE'
    | 'EXECUTE_IN_PROGRESS'
    | 'EXECUTE_COMPLETE'
    | 'EXECUTE_FAILED'
    | 'OBSOLETE';
  definition: StackDefinition;
  description?: string;
  createdAt: number;
  changes: Record<string, unknown>[];
  token?: string;
}

/** One resource, compared with what its stack gave it. */
export interface ResourceDriftView {
  logicalId: string;
  physicalId: string;
  type: string;
  status: 'IN_SYNC' | 'MODIFIED' | 'DELETED' | 'NOT_CHECKED';
  differences: { path: string; expected: string; actual: string }[];
}

/** Compared at its start; told at its end. */
export interface DriftDetection {
  id: string;
  startedAt: number;
  endsAt: number;
  resources: ResourceDriftView[];
}

export interface Stack {
  id: string;
  name: string;
  status: string;
  statusReason?: string;
  definition: StackDefinition;
  createdAt: number;
  updatedAt?: number;
  deletedAt?: number;
  resources: Map<string, StackResource>;
  /** Names of exports of other stacks that its resources were given. */
  imports: Set<string>;
  outputs: { key: string; value: string; description?: string; exportName?: string }[];
  /** Newest last. */
  events: StackEventEntry[];
  changeSets: Map<string, ChangeSet>;
  /** Client request tokens of earlier operations, with what they asked for. */
  tokens: Map<string, string>;
  terminationProtection: boolean;
  disableRollback: boolean;
  onFailure: 'ROLLBACK' | 'DELETE' | 'DO_NOTHING';
  roleArn?: string;
  policyBody?: string;
  /** Holds for the update in progress alone. */
  policyDuringUpdate?: string;
  /** Resources that wait for signals, by logical id. */
  signalWaits: Map<string, SignalWait>;
  timeoutMinutes?: number;
  /** Token of the operation in progress. */
  token?: string;
  cancelRequested: boolean;
  /** Number of the operation in progress; timers of earlier ones are stale. */
  operation: number;
  changeSetId?: string;
  /** The newest. */
  detection?: DriftDetection;
}

export interface SignalWait {
  /** By the id that each sender chose: whether it went well. */
  received: Map<string, boolean>;
  /** Told after each signal. */
  heard(): void;
  /** The update is cancelled. */
  cancel(): void;
}

const eventsKept = 400;

export function isInProgress(status: string): boolean {
  return status.endsWith('_IN_PROGRESS');
}

/** Statuses from which an update may start. */
export function isUpdatable(status: string): boolean {
  return ['CREATE_COMPLETE', 'UPDATE_COMPLETE', 'UPDATE_ROLLBACK_COMPLETE', 'IMPORT_COMPLETE'].includes(status);
}

export function pushEvent(stack: Stack, event: StackEventEntry): void {
  stack.events.push(event);
  if (stack.events.length > eventsKept) stack.events.splice(0, stack.events.length - eventsKept);
}
