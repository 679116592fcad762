import { describe, expect, it } from 'vitest';
import { RollLedger } from '../../../src/steps/roll/roll-ledger.ts';

const group = { name: 'workers', min: 0, max: 3, newInstancesProtected: false };

describe('a describe of a group', () => {
  it('is older than an own write whose limits it does not show, as long as describes may be late', () => {
    const ledger = new RollLedger(0);
    expect(ledger.isOlderThanOwnWrite(group, 1_000)).toBe(false);
    ledger.wrote('workers', JSON.stringify({ max: 5, newInstancesProtected: true }), 1_000);
    expect(ledger.isOlderThanOwnWrite(group, 5_000)).toBe(true);
    expect(ledger.isOlderThanOwnWrite({ ...group, max: 5 }, 5_000)).toBe(true);
    expect(ledger.isOlderThanOwnWrite({ ...group, max: 5, newInstancesProtected: true }, 5_000)).toBe(false);
    expect(ledger.isOlderThanOwnWrite({ ...group, name: 'others' }, 5_000)).toBe(false);
    // what is still not there was changed by somebody else
    expect(ledger.isOlderThanOwnWrite(group, 46_000)).toBe(false);
  });

  it('says again what it says once the last write is what it shows', () => {
    const ledger = new RollLedger(0);
    ledger.wrote('workers', JSON.stringify({ max: 5, newInstancesProtected: true }), 1_000);
    ledger.wrote('workers', JSON.stringify({ max: 3, newInstancesProtected: false }), 2_000);
    expect(ledger.isOlderThanOwnWrite(group, 3_000)).toBe(false);
    expect(ledger.isOlderThanOwnWrite({ ...group, max: 5 }, 3_000)).toBe(true);
  });
});
