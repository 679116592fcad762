import type { Engine } from '../../engine/engine-options.ts';
import type { ChannelSource } from '../../ports/channel-source.ts';
import type { ReadStore } from '../../ports/store.ts';
import type { LastGood } from '../last-good.ts';

/** What commands of operators work with. */
export interface ControlInput {
  store: ReadStore;
  engine: Pick<Engine, 'post'>;
  lastGood: Pick<LastGood, 'clusters' | 'pipeline'>;
  source: ChannelSource;
  findCommit: (ref: string) => Promise<string | undefined>;
  now: () => number;
}
