/** What an error of an AWS service means as a Failure. */
import { type Failure, FailureError, terminal, transient } from '../../domain/failure.ts';
import { redactText } from '../../support/redact.ts';
import { AwsServiceError } from './aws-calls.ts';

const throttled =
  /^(Throttl|RequestLimitExceeded|RequestThrottled|TooManyRequests|PriorRequestNotComplete|BandwidthLimitExceeded|SlowDown)/;
const expired = /^(ExpiredToken|RequestExpired|TokenRefreshRequired)/;
const unauthorized =
  /^(AccessDenied|UnauthorizedOperation|AuthFailure|InvalidClientTokenId|UnrecognizedClient|SignatureDoesNotMatch|MissingAuthenticationToken|IncompleteSignature|OptInRequired|NotAuthorized|InvalidAccessKeyId)/;
const contention =
  /^(ScalingActivityInProgress|ResourceContention|ResourceInUse|OperationInProgress|IdempotentCallInProgress|InstanceRefreshInProgress|ConcurrentResourcesLimitExceeded|StaleRequest|AlreadyExists|TokenAlreadyExists|ResourceInUse|IncorrectState|IncorrectInstanceState)/;
const capacity =
  /^(Insufficient.*Capacity|InstanceLimitExceeded|VcpuLimitExceeded|MaxSpotInstanceCountExceeded|SpotMaxPriceTooLow|Unsupported$)/;
const missing =
  /^(AccessPointNotFound|LoadBalancerNotFound|TargetGroupNotFound|StackNotFound|InvalidInstance$|InvalidTarget|ResourceNotFound|InvalidInstanceID\.NotFound|InvalidGroup\.NotFound)/;
const internal = /^(Internal(Failure|Error|ServerError|ServiceError)|ServiceUnavailable|Unavailable|ServerError)/;

/** A ValidationError that speaks of the object's present state, and not of the request. */
const stateInMessage =
  /_IN_PROGRESS state|would violate|violate group's min size|in progress|pending (delete|deletion)|is not InService/i;
const absenceInMessage = /not found|does not exist|No managed instance/i;

const longestMessage = 400;

/** `where` names action, object, account and region. */
export function awsFailure(error: AwsServiceError, where: string): Failure {
  const { code, status } = error;
  const said = `${where}: ${code}: ${redactText(error.message).replace(/\s+/g, ' ').slice(0, longestMessage)}`;
  if (throttled.test(code) || /^Rate exceeded/i.test(error.message)) return transient('aws-throttled', said);
  if (expired.test(code)) return transient('aws-expired-credentials', said);
  if (unauthorized.test(code)) return terminal('aws-unauthorized', said);
  if (capacity.test(code)) return transient('aws-capacity', said);
  if (contention.test(code)) return transient('aws-conflict', said);
  if (missing.test(code)) return transient('aws-not-found', said);
  if (internal.test(code) || status >= 500) return transient('aws-server-error', said);
  if (status === 429) return transient('aws-throttled', said);
  // Described a moment ago and gone or busy now: looking again is the remedy, not a person.
  if (stateInMessage.test(error.message)) return transient('aws-conflict', said);
  if (absenceInMessage.test(error.message)) return transient('aws-not-found', said);
  return terminal('aws-validation', said);
}

/** What to throw for whatever a caller rejected with; anything but a service's error passes as it is. */
export function asFailureError(error: unknown, where: string): unknown {
  return error instanceof AwsServiceError ? new FailureError(awsFailure(error, where), error) : error;
}
