/** `clm why`: checks beside a roll of workers. */
import type { ClusterStatus, ExplanationLink } from './status-document.ts';

/** What the checks beside a roll found: what stopped it, or why it goes on all the same. */
export function newNodeLinks({ newNodes, state, channel, failure: stop }: ClusterStatus): ExplanationLink[] {
  if (newNodes === undefined) return [];
  const look = stop?.code === 'new-nodes-fail' ? lookAtNewNode : '';
  const stopped = newNodes.failures.map((failure, i) => ({
    depth: 1,
    subject: `check ${failure.check} beside the roll`,
    message: `${failure.outcome}: ${failure.message}`,
    // without a verdict the roll has not ended: it is asked again
    ...(i > 0
      ? {}
      : newNodes.state !== 'failed' && state !== 'failed'
        ? { next: asksAgain }
        : { action: `${look}merge a fix or a revert, or: clm retry channel:${channel} --reason …` }),
  }));
  const next = newNodes.state === 'checking' ? 'it is being asked again' : goesOn;
  const said = newNodes.said.map(({ check, message }) => ({
    depth: 1,
    subject: `check ${check} beside the roll`,
    message,
    ...(state === 'failed' || newNodes.failures.length > 0 ? {} : { next }),
  }));
  return [...stopped, ...said];
}

const asksAgain =
  'nobody knows yet whether the new nodes work: old nodes stay, and it is asked again; without a verdict the update fails';
const goesOn = 'this does not speak against the new nodes: the roll goes on, and the checks after it decide';
const lookAtNewNode =
  'kubectl describe node NODE for the new node that is named, and see what the version changed in its image and user data; ';
