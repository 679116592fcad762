/**
 * A pure function of one immutable object, worked out once for each: the same object always gets the same answer. What nobody holds
 * any more is forgotten with it.
 */
export function memoised<Input extends object, Result>(of: (input: Input) => Result): (input: Input) => Result {
  const known = new WeakMap<Input, { result: Result }>();
  return (input) => {
    const before = known.get(input);
    if (before) return before.result;
    const result = of(input);
    known.set(input, { result });
    return result;
  };
}
