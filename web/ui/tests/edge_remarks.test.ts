import { describe, expect, it } from 'vitest';
import type { Edge } from '../src/data/wire';
import { bytesPerSeries, remarksHint, remarksOf } from '../src/view/edge_remarks';

const edge = (change: Partial<Edge> = {}): Edge => ({
  name: 'edge-1', state: 'up', last_seen_ms: 1, events_per_s: 1, events_total: 1, lag_ms: 1, clock_offset_ms: 0, series_open: 1,
  outbox_records: 0, outbox_bytes: 0, rejected_total: 0, late_total: 0, shed_total: 0, expired_total: 0, alerts_firing: 0,
  rss_bytes: 1, version: '0.1.0', started_ms: 0, ...change,
});

describe('remarksOf', () => {
  it('says nothing of what is 0, or not told by an older centre', () => {
    expect(remarksOf(edge())).toEqual([]);
    expect(remarksOf(edge({ revisions_total: 0, filtered_total: 0, evicted_total: 0, held_events: 0, restamped_total: 0 }))).toEqual([]);
  });
  it('tells what streams did with events', () => {
    expect(remarksOf(edge({ revisions_total: 1, filtered_total: 1200, evicted_total: 3, held_events: 4, restamped_total: 5, clock_jumps_total: 2 })))
      .toEqual(['4 held until the clock is set', '2 clock jumps', '3 series evicted', '5 restamped', '1 revision', '1,200 filtered']);
  });
});

describe('remarksHint', () => {
  it('names the reasons of what is in quarantine', () => {
    expect(remarksHint(edge({ late_total: 2, rejected_by_reason: { malformed: 0, late: 2 } })))
      .toBe('2 late\nin quarantine, by reason: late 2 (see weir quarantine)');
    expect(remarksHint(edge())).toBe('');
  });
});

describe('bytesPerSeries', () => {
  it('needs a series', () => {
    expect(bytesPerSeries(edge({ state_bytes: 3000, series_known: 6 }))).toBe(500);
    expect(bytesPerSeries(edge({ state_bytes: 3000, series_known: 0 }))).toBeNull();
    expect(bytesPerSeries(edge())).toBeNull();
  });
});
