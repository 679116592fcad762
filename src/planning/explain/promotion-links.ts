/** Promotions out of a channel, as `clm why` tells them: where each is to be approved, what holds it, and who can act. */
import type { ChannelStatus, ExplanationLink } from './status-document.ts';

export function promotionLinks(channel: ChannelStatus): ExplanationLink[] {
  return channel.promotions.map((promotion) => {
    const { wait } = promotion;
    const action = promotionAction(channel, promotion);
    return {
      subject: `promotion to ${promotion.to}`,
      message: `${promotion.commit.slice(0, 7)}: ${promotion.state}${wait === undefined ? '' : ` – ${wait.message}`}`,
      ...(wait === undefined ? {} : { code: wait.code, ...(wait.since === undefined ? {} : { since: wait.since }) }),
      ...(action === undefined ? {} : { action }),
    };
  });
}

function promotionAction(channel: ChannelStatus, promotion: ChannelStatus['promotions'][number]): string | undefined {
  const { state, review, commit, to } = promotion;
  if (state === 'held') return `clm retry channel:${channel.name} --reason … once it is put right`;
  if (state !== 'reviewing' || review === undefined) return undefined;
  return `approve or merge ${review}, or: clm approve ${commit.slice(0, 12)} --channel ${to} --reason …`;
}
