import { describe, expect, it } from 'vitest';
import { SeriesWindow } from '../src/data/series_window';
import { laneStats, spanOf, tableRows } from '../src/view/lane_data';

function window(...points: [start: number, mean: number, count: number][]): SeriesWindow {
  const w = new SeriesWindow(50);
  for (const [start, mean, count] of points) w.upsert(start, 10, mean, mean - 1, mean + 2, count);
  return w;
}

describe('laneStats', () => {
  it('covers the span only, and weighs the mean by the events', () => {
    const s = laneStats(window([0, 100, 9], [10, 1, 1], [20, 4, 2]), 10, 20);
    expect(s).toMatchObject({ points: 2, last: 4, min: 0, max: 6, mean: 3, newestEndMs: 30 });
  });
  it('has no figures without points', () => {
    expect(laneStats(window(), 0, 10)).toMatchObject({ points: 0, last: null, mean: null, newestEndMs: null });
  });
});

describe('spanOf', () => {
  it('shrinks to the data, but not below half a minute', () => {
    const w = window([1_000_000, 1, 1]);
    expect(spanOf([w], 1_060_000, 300_000)).toEqual({ fromMs: 1_000_000, toMs: 1_060_000 });
    expect(spanOf([w], 1_001_000, 300_000)).toEqual({ fromMs: 971_000, toMs: 1_001_000 });
    expect(spanOf([w], 2_000_000, 300_000)).toEqual({ fromMs: 1_700_000, toMs: 2_000_000 });
    expect(spanOf([], 2_000_000, 300_000)).toEqual({ fromMs: 1_700_000, toMs: 2_000_000 });
  });
});

describe('tableRows', () => {
  it('joins series by time, newest first, and stops where asked', () => {
    const rows = tableRows([window([0, 1, 1], [10, 2, 1], [20, 3, 1]), window([10, 7, 1])], 15, 5);
    expect(rows).toEqual([{ startMs: 10, values: [2, 7] }, { startMs: 0, values: [1, null] }]);
  });
});
