/** While nodes are replaced: do only the new ones fail? Then the roll stops before it has replaced them all. Pure. */

/** What one question came to on one node. */
export interface NodeCell {
  node: string;
  generation: 'old' | 'new';
  /** The first new node of its content in its pool, which stands for all that come after it. */
  first?: boolean;
  /** What was asked: a service may have moved to new nodes, and then old ones miss it as well. */
  question: string;
  /** `unknown`: it could not be asked, for reasons that say nothing of it (its pod was evicted). */
  state: 'ok' | 'fail' | 'unknown';
  message: string;
}

export interface GenerationVerdict {
  /**
   * `unclear`: nothing speaks against the new nodes as such. `no-verdict`: nobody knows whether a first new node works, and the old nodes
   * of its pool stay until somebody does.
   */
  kind: 'go-on' | 'stop' | 'unclear' | 'no-verdict';
  reason: string;
}

/** New nodes that fail beside others that work are bad nodes, not a bad generation. */
const shareOfNew = 0.5;

const weight = { stop: 0, 'no-verdict': 1, unclear: 2, 'go-on': 3 };

/**
 * Each question by itself: one that only new nodes fail stops the roll, whatever fails everywhere beside it (what the new nodes
 * took over, say).
 */
export function judgeGenerations(cells: readonly NodeCell[]): GenerationVerdict {
  const questions = [...new Set(cells.map((cell) => cell.question))];
  const verdicts = questions.map((question) => judgeQuestion(cells.filter((cell) => cell.question === question)));
  verdicts.sort((a, b) => weight[a.kind] - weight[b.kind]);
  return verdicts[0] ?? { kind: 'unclear', reason: 'no node was judged' };
}

/** Stops only where old nodes are seen to work at the same time: what fails everywhere is not the new nodes' doing. */
function judgeQuestion(cells: readonly NodeCell[]): GenerationVerdict {
  const of = (generation: NodeCell['generation'], state: NodeCell['state']): NodeCell[] =>
    cells.filter((cell) => cell.generation === generation && cell.state === state);
  const [newBad, newGood] = [of('new', 'fail'), of('new', 'ok')];
  const [oldBad, oldGood] = [of('old', 'fail'), of('old', 'ok')];
  const asked = cells[0]?.question ?? '';
  const shown = `${asked}: ${newGood.length} of ${newGood.length + newBad.length} new nodes work, ${oldGood.length} of ${oldGood.length + oldBad.length} old ones`;
  const unjudged = of('new', 'unknown').find((cell) => cell.first === true);
  if (unjudged !== undefined && newBad.every((cell) => cell.first !== true)) {
    const why = unjudged.message === '' ? '' : ` (${unjudged.message})`;
    return {
      kind: 'no-verdict',
      reason: `${shown}: ${unjudged.node}, the first of its pool or content, was not judged${why}`,
    };
  }
  if (newBad.length === 0) {
    return newGood.length > 0
      ? { kind: 'go-on', reason: shown }
      : { kind: 'unclear', reason: `${shown}: no new node was judged` };
  }
  const first = (newBad.find((cell) => cell.first === true) ?? newBad[0]) as NodeCell;
  const trouble = `${first.node}: ${first.message}`;
  if (oldBad.length > 0)
    return { kind: 'unclear', reason: `${shown}: old nodes fail too, so it is not the new ones (${trouble})` };
  if (oldGood.length === 0) {
    // Beside a first new node all old ones are still there: that none can be asked says nothing for the new one.
    const kind = first.first === true ? 'no-verdict' : 'unclear';
    return { kind, reason: `${shown}: no old node was judged beside them (${trouble})` };
  }
  const few = newBad.length / (newBad.length + newGood.length) < shareOfNew;
  if (few && !newBad.some((cell) => cell.first === true)) {
    return { kind: 'unclear', reason: `${shown}: other new nodes work, so it is the node (${trouble})` };
  }
  return { kind: 'stop', reason: `only new nodes fail (${shown}): ${trouble}` };
}
