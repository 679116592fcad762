/**
 * Orders two resourceVersions of objects of one kind in one cluster: negative when `a` is older. They are opaque in general, but
 * decimal counters on every real server; anything else has no order (0).
 */
export function compareVersions(a: string, b: string): number {
  if (!/^\d+$/.test(a) || !/^\d+$/.test(b)) return 0;
  if (a.length !== b.length) return a.length - b.length;
  return a < b ? -1 : a > b ? 1 : 0;
}
