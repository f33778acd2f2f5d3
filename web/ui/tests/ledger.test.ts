import { describe, expect, it } from 'vitest';
import { causeText, difference, eventTerms, recordTerms, warningsOf, type EpochLedger, type EventLedger } from '../src/data/ledger';

const epoch = (change: Partial<EpochLedger> = {}): EpochLedger => ({
  epoch: '00ff', through_seq: 9, lane_first: 0, lane_through: 0, sent: 30, stored: 9, coalesced: 0, expired: 0, shed: 5, unreadable: 0,
  missing: 16, balanced: true, violations: 0, violation: '', duplicate: 0, gaps_refused: 0, behind_seq: 0, first_ms: 1, last_ms: 2,
  ranges: [], ranges_total: 2, ...change,
});

const events = (change: Partial<EventLedger> = {}): EventLedger => ({
  epoch: '00ff', time_ms: 1, balanced: true, modes: [], received: 10, taken: 4, late: 1, duplicate: 1, quarantined: 1, filtered: 1, shed: 1,
  held: 1, in_flight: 0, upstream_missing: 0, upstream_recovered: 0, upstream_restarts: 0, violations: 0, files_set_aside: 0,
  journal_torn: 0, journal_damaged: 0, ...change,
});

describe('the sums', () => {
  it('balance when each number has a fate', () => {
    expect(difference(recordTerms(epoch()))).toBe(0);
    expect(difference(eventTerms(events()))).toBe(0);
  });
  it('show what is unaccounted for, and what is there twice', () => {
    expect(difference(recordTerms(epoch({ sent: 33 })))).toBe(3);
    expect(difference(eventTerms(events({ taken: 6 })))).toBe(-2);
  });
  it('name each term once, the sum first', () => {
    const names = eventTerms(events()).map((x) => x.name);
    expect(names[0]).toBe('received');
    expect(new Set(names).size).toBe(names.length);
    expect(recordTerms(epoch()).filter((x) => x.loss).map((x) => x.name)).toEqual(['expired', 'shed', 'unreadable']);
  });
});

describe('warningsOf', () => {
  it('says nothing of an edge that can do everything, or of a centre of before', () => {
    expect(warningsOf([], true)).toEqual([]);
    expect(warningsOf(undefined, undefined)).toEqual([]);
  });
  it('tells each mode in words, and those of a newer edge as they are called', () => {
    expect(warningsOf(['disk_full', 'on_fire'], false)).toEqual(['disk full: gives up its oldest records', 'on_fire', 'its events do not add up']);
    expect(warningsOf(['memory_short'], true)).toEqual(['short of memory: its sources wait or shed']);
  });
});

describe('causeText', () => {
  it('tells a lost database from one that was set back', () => {
    expect(causeText('new_database')).not.toBe(causeText('renewed'));
  });
});
