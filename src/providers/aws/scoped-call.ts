/** Calls of one account in one region, with failures that name both. */
import type { AwsAction, AwsInput, AwsOutput } from './aws-calls.ts';

/** One account in one region, as messages name it. */
export interface AwsScope {
  /** 12 digits. */
  account: string;
  region: string;
}

/** Calls an action; `object` names what it is about. Rejects with FailureError. */
export type ScopedCall = <A extends AwsAction>(action: A, input: AwsInput<A>, object?: string) => Promise<AwsOutput<A>>;
/** The same, but a service's refusal is handed to `recover` first; what that does not answer is thrown as FailureError. */
export type RecoveringCall = <A extends AwsAction, R>(
  action: A,
  input: AwsInput<A>,
  object: string,
  recover: (error: unknown) => R | undefined,
) => Promise<AwsOutput<A> | R>;
