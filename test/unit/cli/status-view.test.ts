import { describe, expect, it } from 'vitest';
import { segmentBar } from '../../../src/cli/view/bar.ts';
import { LiveScreen } from '../../../src/cli/view/live-screen.ts';
import { renderStatus } from '../../../src/cli/view/status-view.ts';
import { palette, stripEscapes, truncate, visibleWidth } from '../../../src/cli/view/terminal.ts';
import { channelFixture, clusterFixture, eventFixture, statusFixture } from '../../support/status-fixture.ts';

const plain = palette(false);
const events = [eventFixture(1, 'ip-10-0-1-3 is drained'), eventFixture(2, 'ip-10-0-1-4 is terminated')];

function lineOf(lines: string[], start: string): string {
  return lines.find((line) => line.startsWith(start)) ?? '';
}

describe('the status view', () => {
  for (const columns of [60, 80, 100, 160]) {
    it(`fits into ${columns} columns, with and without colours`, () => {
      for (const colors of [plain, palette(true)]) {
        const lines = renderStatus(statusFixture(), { columns, colors, events });
        for (const line of lines) expect(visibleWidth(line)).toBeLessThanOrEqual(columns);
      }
    });
  }

  it('gives each channel one line with commit, subject, bar, clusters, checks and state', () => {
    const lines = renderStatus(statusFixture(), { columns: 120, colors: plain, events: [] });
    const alpha = lineOf(lines, 'alpha');
    expect(alpha).toMatch(/^alpha +3f2a1bc +Roll out new.* +█+ +3\/3 +✓15 +soaking 3m 5s of 10m$/);
    expect(lineOf(lines, 'beta ')).toMatch(/2\/10 +✓10 +wave 2\/3 half/);
  });

  it('never cuts the progress of a soak at 80 columns', () => {
    const lines = renderStatus(statusFixture(), { columns: 80, colors: plain, events: [] });
    expect(lineOf(lines, 'alpha')).toContain('soaking 3m 5s of 10m');
  });

  it('tells a halt whole, below the channel', () => {
    const lines = renderStatus(statusFixture(), { columns: 80, colors: plain, events: [] });
    const start = lines.findIndex((line) => line.startsWith('stable'));
    const reason = lines
      .slice(start + 1, start + 4)
      .join(' ')
      .replace(/\s+/g, ' ');
    expect(reason).toContain(
      'kube-70 (check network.service-endpoints failed: the service has no ready endpoint after 120 s)',
    );
  });

  it('draws a square a node, and names what blocks', () => {
    const lines = renderStatus(statusFixture(), { columns: 100, colors: plain, events: [] });
    expect(lineOf(lines, '  workers')).toMatch(/■■◌✗□□ +2\/5 +ip-10-0-0-9 ← shop\/cart 10m/);
    expect(lineOf(lines, '  masters')).toMatch(/■◧□ +1\/3 +draining ip-10-0-1-7 1m/);
    expect(lines.join('\n')).toContain('Budget shop/cart never allows a disruption: pod cart-0 of StatefulSet/cart');
  });

  it('keeps every channel when the terminal is low, and says how much it left out', () => {
    const many = Array.from({ length: 30 }, (_, index) =>
      clusterFixture(`moving-${index}`, { state: 'updating', phase: 'manifests' }),
    );
    const lines = renderStatus(statusFixture({ clusters: many }), { columns: 80, rows: 24, colors: plain, events });
    expect(lines.length).toBeLessThanOrEqual(24);
    for (const name of ['dev', 'alpha', 'beta', 'stable']) expect(lineOf(lines, name)).not.toBe('');
    const shown = lines.filter((line) => line.startsWith('moving-')).length;
    expect(shown).toBeGreaterThan(0);
    expect(lines.join('\n')).toContain(`and ${30 - shown} more clusters`);
  });

  it('shortens node names to what tells them apart', () => {
    const long = [eventFixture(1, 'ip-10-0-1-3.eu-central-1.compute.internal is drained')];
    const lines = renderStatus(statusFixture(), { columns: 80, colors: plain, events: long });
    expect(lines.at(-1)).toMatch(/beta-moving ip-10-0-1-3 is drained$/);
  });

  it('says when it speaks for a daemon that does not run, and before adoption', () => {
    const lines = renderStatus(
      statusFixture({ daemon: { running: false, lastCommitAt: '2026-11-21T07:00:00.000Z' }, adopted: false }),
      { columns: 80, colors: plain, events: [] },
    );
    expect(lines).toContain('daemon not running, as of 2026-11-21T07:00:00Z');
    expect(lines.join(' ')).toContain('`clm adopt`');
  });

  it('does not let a commit subject move the cursor', () => {
    const evil = channelFixture('dev', { subject: 'harmless\u001b[2J\nforged line' });
    const text = renderStatus(statusFixture({ channels: [evil] }), { columns: 120, colors: plain, events: [] }).join(
      '\n',
    );
    expect(text).not.toContain('\u001b');
    expect(text).not.toContain('\nforged');
  });

  it('uses no escape sequence without colours, and the same text with them', () => {
    const without = renderStatus(statusFixture(), { columns: 100, colors: plain, events });
    const withColors = renderStatus(statusFixture(), { columns: 100, colors: palette(true), events });
    expect(without.join('')).not.toContain('\u001b');
    expect(withColors.map(stripEscapes)).toEqual(without);
  });
});

describe('bars', () => {
  const segment = (count: number, glyph: string) => ({ count, glyph, paint: (text: string) => text });

  it('are never full before everything is done', () => {
    expect(segmentBar([segment(999, '█'), segment(1, '░')], 20)).toBe(`${'█'.repeat(19)}░`);
    expect(segmentBar([segment(1000, '█'), segment(0, '░')], 20)).toBe('█'.repeat(20));
  });

  it('show the first of many, and always have the width asked for', () => {
    for (const [done, rest] of [
      [1, 999],
      [1, 2],
      [0, 5],
      [7, 13],
    ] as const) {
      const bar = segmentBar([segment(done, '█'), segment(rest, '░')], 17);
      expect(bar).toHaveLength(17);
      expect(bar.includes('█')).toBe(done > 0);
    }
  });
});

describe('text that fits', () => {
  it('counts wide characters twice and cuts before the edge', () => {
    expect(visibleWidth('日本')).toBe(4);
    expect(visibleWidth(truncate('日本語のクラスタ', 7))).toBeLessThanOrEqual(7);
    expect(truncate('short', 10)).toBe('short');
  });

  it('closes colours that it cuts through', () => {
    const cut = truncate(palette(true).red('a long red sentence'), 8);
    expect(stripEscapes(cut)).toBe('a long …');
    expect(cut.endsWith('\u001b[0m')).toBe(true);
  });
});

describe('the live screen', () => {
  function screen(columns = 80, rows = 24) {
    const writes: string[] = [];
    const size = { columns, rows };
    const live = new LiveScreen({
      write: (text) => writes.push(text),
      columns: () => size.columns,
      rows: () => size.rows,
    });
    return { live, writes, size };
  }

  it('draws each frame in one write over the one before, without clearing the screen', () => {
    const { live, writes } = screen();
    live.draw(['one', 'two']);
    live.draw(['one', 'three', 'four']);
    expect(writes).toHaveLength(2);
    expect(writes[1]).toContain('\u001b[2F');
    expect(writes[1]).not.toContain('\u001b[2J');
  });

  it('writes nothing for a frame that looks the same', () => {
    const { live, writes } = screen();
    live.draw(['one']);
    live.draw(['one']);
    expect(writes).toHaveLength(1);
  });

  it('begins anew after the width has changed, and never draws below the last row', () => {
    const { live, writes, size } = screen(80, 5);
    live.draw(Array.from({ length: 50 }, (_, index) => `line ${index}`));
    expect((writes[0] as string).split('\n')).toHaveLength(5);
    size.columns = 60;
    live.draw(['one']);
    expect(writes[1]).toContain('\u001b[2J');
  });

  it('gives the cursor back when it closes', () => {
    const { live, writes } = screen();
    live.draw(['one']);
    live.close();
    expect(writes.at(-1)).toBe('\u001b[?25h');
  });
});
