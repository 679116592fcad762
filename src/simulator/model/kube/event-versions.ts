import { fieldsOf, type SimObject } from './object.ts';

/** Events are stored as core/v1 ones; events.k8s.io/v1 shows the same ones with other names for their fields. */
export function eventAs(group: string, stored: SimObject): SimObject {
  if (group === '') return stored;
  const { involvedObject, message, source, firstTimestamp, lastTimestamp, count, reportingComponent, ...rest } = stored;
  return {
    ...rest,
    apiVersion: 'events.k8s.io/v1',
    kind: stored.kind,
    metadata: stored.metadata,
    regarding: involvedObject,
    note: message,
    deprecatedSource: source,
    deprecatedFirstTimestamp: firstTimestamp,
    deprecatedLastTimestamp: lastTimestamp,
    deprecatedCount: count,
    reportingController: reportingComponent,
  };
}

/** The core/v1 form of an event that a client wrote in either version. */
export function storedEvent(group: string, object: SimObject): SimObject {
  if (group === '') return object;
  const {
    regarding,
    note,
    deprecatedSource,
    deprecatedFirstTimestamp,
    deprecatedLastTimestamp,
    deprecatedCount,
    reportingController,
    ...rest
  } = object;
  return {
    ...rest,
    apiVersion: 'v1',
    kind: 'Event',
    metadata: object.metadata,
    involvedObject: fieldsOf(regarding),
    message: note,
    source: deprecatedSource ?? {},
    firstTimestamp: deprecatedFirstTimestamp ?? null,
    lastTimestamp: deprecatedLastTimestamp ?? null,
    count: deprecatedCount,
    reportingComponent: reportingController,
  };
}
