import { parseProven } from '../../planning/pipeline/facts.ts';
import { type Override, vetoOn } from '../../planning/pipeline/overrides.ts';
import type { ChannelSource } from '../../ports/channel-source.ts';
import type { ReadStore } from '../../ports/store.ts';

interface Parts {
  store: Pick<ReadStore, 'facts'>;
  source: Pick<ChannelSource, 'isAncestor'>;
}

/** Proven versions of a channel that are looked at for one to go back to. */
const looked = 50;

/** The newest version that was proven on the channel before its head, has another tree, and is not vetoed. */
export async function lastGoodVersion(
  { store, source }: Parts,
  input: { channel: string; head: string; tree: string; overrides: Override[]; now: number },
): Promise<{ commit: string; tree: string } | undefined> {
  const proven = (await store.facts('proven', `${input.channel}/`)).flatMap((fact) => {
    const version = parseProven(fact.value);
    const tree = fact.key.slice(input.channel.length + 1);
    return version === undefined || tree === input.tree ? [] : [{ commit: version.commit, tree, at: version.at }];
  });
  proven.sort((a, b) => b.at - a.at);
  for (const { commit, tree } of proven.slice(0, looked)) {
    if (vetoOn(input.overrides, { commit, tree }, input.now) !== undefined) continue;
    if (await source.isAncestor(commit, input.head)) return { commit, tree };
  }
  return undefined;
}
