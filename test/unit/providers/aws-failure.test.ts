import { describe, expect, it } from 'vitest';
import { FailureError } from '../../../src/domain/failure.ts';
import { AwsServiceError } from '../../../src/providers/aws/aws-calls.ts';
import { asFailureError, awsFailure } from '../../../src/providers/aws/aws-failure.ts';
import { classifySdkError } from '../../../src/providers/aws/sdk-caller.ts';

const where = 'TerminateInstanceInAutoScalingGroup instance i-1 in account 123456789012 eu-central-1';

describe('an error of an AWS service', () => {
  it.each([
    ['Throttling', 'Rate exceeded', 400, 'transient', 'aws-throttled'],
    ['ThrottlingException', 'Rate exceeded', 400, 'transient', 'aws-throttled'],
    ['RequestLimitExceeded', 'Request limit exceeded.', 503, 'transient', 'aws-throttled'],
    [
      'ExpiredToken',
      'The security token included in the request is expired',
      403,
      'transient',
      'aws-expired-credentials',
    ],
    ['AccessDenied', 'User is not authorized to perform this', 403, 'terminal', 'aws-unauthorized'],
    [
      'InvalidClientTokenId',
      'The security token included in the request is invalid.',
      403,
      'terminal',
      'aws-unauthorized',
    ],
    ['ScalingActivityInProgressFault', 'A scaling activity is in progress', 400, 'transient', 'aws-conflict'],
    ['ResourceContentionFault', 'You have a pending update', 400, 'transient', 'aws-conflict'],
    ['InsufficientInstanceCapacity', 'no capacity', 400, 'transient', 'aws-capacity'],
    ['AccessPointNotFoundException', 'There is no ACTIVE Load Balancer named x', 400, 'transient', 'aws-not-found'],
    [
      'ValidationError',
      'Stack:arn:aws:x is in UPDATE_IN_PROGRESS state and can not be updated.',
      400,
      'transient',
      'aws-conflict',
    ],
    [
      'ValidationError',
      'Stack:arn:aws:x is in ROLLBACK_COMPLETE state and can not be updated.',
      400,
      'terminal',
      'aws-validation',
    ],
    [
      'ValidationError',
      'Instance Id not found - No managed instance found for instance ID i-1',
      400,
      'transient',
      'aws-not-found',
    ],
    [
      'ValidationError',
      "Currently, desiredSize equals minSize (3). Terminating instance without replacement will violate group's min size constraint.",
      400,
      'transient',
      'aws-conflict',
    ],
    ['ValidationError', 'Template format error: unsupported structure', 400, 'terminal', 'aws-validation'],
    ['InternalFailure', 'oops', 500, 'transient', 'aws-server-error'],
    ['SomethingNew', 'oops', 503, 'transient', 'aws-server-error'],
  ])('%s "%s" (%i) is %s %s', (code, message, status, kind, failureCode) => {
    const failure = awsFailure(new AwsServiceError(code, message, status), where);
    expect(failure).toMatchObject({ kind, code: failureCode });
    expect(failure.message).toContain('instance i-1');
    expect(failure.message).toContain(code);
  });

  it('is no failure when it is a bug of ours', () => {
    const bug = new TypeError('x is not a function');
    expect(asFailureError(bug, where)).toBe(bug);
    expect(classifySdkError(bug, where)).toBe(bug);
  });
});

describe('what the SDK throws', () => {
  const thrown = (fields: Record<string, unknown>) =>
    classifySdkError(Object.assign(new Error('it went wrong'), fields), where);

  it.each([
    [{ code: 'ECONNREFUSED' }, 'transient', 'aws-unreachable'],
    [{ code: 'ENOTFOUND' }, 'transient', 'aws-unreachable'],
    [{ code: 'CERT_HAS_EXPIRED' }, 'transient', 'aws-unreachable'],
    [{ name: 'TimeoutError' }, 'transient', 'aws-timeout'],
    [{ name: 'CredentialsProviderError' }, 'transient', 'aws-unauthorized'],
    [{ name: 'SyntaxError', $response: { statusCode: 200 } }, 'transient', 'aws-server-error'],
  ])('%j is %s %s', (fields, kind, code) => {
    const judged = thrown(fields);
    expect(judged).toBeInstanceOf(FailureError);
    expect((judged as FailureError).failure).toMatchObject({ kind, code });
  });

  it('is the service speaking when there is an HTTP error status', () => {
    expect(thrown({ name: 'ScalingActivityInProgressFault', $metadata: { httpStatusCode: 400 } })).toMatchObject({
      code: 'ScalingActivityInProgressFault',
      status: 400,
    });
  });
});
