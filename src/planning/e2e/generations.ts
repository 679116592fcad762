/** While nodes are replaced: do only the new ones fail? Then the roll stops before it has replaced them all. Pure. */

/** What was seen from one node. */
export interface NodeCell {
  node: string;
  generation: 'old' | 'new';
  /** `unknown`: it could not be asked, for reasons that say nothing of it (its pod was evicted). */
  state: 'ok' | 'fail' | 'unknown';
  message: string;
}

export interface GenerationVerdict {
  kind: 'go-on' | 'stop' | 'unclear';
  reason: string;
}

/** New nodes that fail beside others that work are bad nodes, not a bad generation. */
const shareOfNew = 0.5;

/** Stops only where old nodes are seen to work at the same time: what fails everywhere is not the new nodes' doing. */
export function judgeGenerations(cells: readonly NodeCell[]): GenerationVerdict {
  const of = (generation: NodeCell['generation'], state: NodeCell['state']): NodeCell[] =>
    cells.filter((cell) => cell.generation === generation && cell.state === state);
  const [newBad, newGood] = [of('new', 'fail'), of('new', 'ok')];
  const [oldBad, oldGood] = [of('old', 'fail'), of('old', 'ok')];
  const shown = `${newGood.length} of ${newGood.length + newBad.length} new nodes work, ${oldGood.length} of ${oldGood.length + oldBad.length} old ones`;
  if (newBad.length === 0) {
    return newGood.length > 0
      ? { kind: 'go-on', reason: shown }
      : { kind: 'unclear', reason: `${shown}: no new node was judged` };
  }
  const first = newBad[0] as NodeCell;
  const trouble = `${first.node}: ${first.message}`;
  if (oldBad.length > 0)
    return { kind: 'unclear', reason: `${shown}: old nodes fail too, so it is not the new ones (${trouble})` };
  if (oldGood.length === 0)
    return { kind: 'unclear', reason: `${shown}: no old node was judged beside them (${trouble})` };
  if (newBad.length / (newBad.length + newGood.length) < shareOfNew) {
    return { kind: 'unclear', reason: `${shown}: other new nodes work, so it is the node (${trouble})` };
  }
  return { kind: 'stop', reason: `only new nodes fail (${shown}): ${trouble}` };
}
