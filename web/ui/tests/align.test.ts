import { describe, expect, it } from 'vitest';
import { alignWindows, paddedRange, timeStep, timeTicks } from '../src/chart/align';
import { SeriesWindow } from '../src/data/series_window';

function window(width: number, ...starts: number[]): SeriesWindow {
  const w = new SeriesWindow(100);
  for (const s of starts) w.upsert(s, width, s, s - 1, s + 1, 1);
  return w;
}

describe('alignWindows', () => {
  it('joins series with the same times without filling', () => {
    const a = alignWindows([window(10, 0, 10, 20), window(10, 0, 10, 20)], 0, 100);
    expect(a.x).toEqual([5, 15, 25]);
    expect(a.series[0]!.mean).toEqual([0, 10, 20]);
    expect(a.series[1]!.max).toEqual([1, 11, 21]);
    expect(a.series[0]!.gaps).toEqual([]);
    expect([a.low, a.high]).toEqual([-1, 21]);
  });

  it('leaves undefined where only another series has a point', () => {
    const a = alignWindows([window(10, 0, 10, 20), window(20, 0, 20)], 0, 100);
    expect(a.x).toEqual([5, 10, 15, 25, 30]);
    expect(a.series[1]!.mean).toEqual([undefined, 0, undefined, undefined, 20]);
    expect(a.series[1]!.gaps).toEqual([]);
  });

  it('reports a missing window as a gap, and a point between two gaps as lonely', () => {
    const a = alignWindows([window(10, 0, 10, 20, 60, 100, 110, 120, 130)], 0, 1000);
    expect(a.series[0]!.gaps).toEqual([[25, 65], [65, 105]]);
    expect(a.series[0]!.lonely).toEqual([3]);
  });

  it('does not break the line of a series that simply is sparse', () => {
    const a = alignWindows([window(5, 0, 30, 60, 90, 120, 150)], 0, 1000);
    expect(a.series[0]!.gaps).toEqual([]);
    expect(a.series[0]!.lonely).toEqual([]);
  });

  it('does not break merged history before narrow live points', () => {
    const merged = Array.from({ length: 40 }, (_, i) => i * 30);
    const live = Array.from({ length: 40 }, (_, i) => 1200 + i * 5);
    expect(alignWindows([window(5, ...merged, ...live)], 0, 5000).series[0]!.gaps).toEqual([]);
  });

  it('shows a single point', () => {
    expect(alignWindows([window(10, 50)], 0, 100).series[0]!.lonely).toEqual([0]);
  });

  it('takes one point more before, so that lines reach the border, and none behind, so that a pause is one', () => {
    const a = alignWindows([window(10, 0, 10, 20, 30, 40, 50, 60)], 20, 40);
    expect(a.x).toEqual([15, 25, 35]);
  });

  it('is empty for empty windows', () => {
    const a = alignWindows([new SeriesWindow(4)], 0, 100);
    expect(a.x).toEqual([]);
    expect(a.low > a.high).toBe(true);
  });
});

describe('axes', () => {
  it('gives a constant value a span', () => {
    expect(paddedRange(100, 100)).toEqual([95, 105]);
    expect(paddedRange(0, 0)).toEqual([-0.5, 0.5]);
    expect(paddedRange(Infinity, -Infinity)).toEqual([0, 1]);
  });
  it('puts ticks on round times, no more than fit', () => {
    expect(timeStep(300_000, 8)).toBe(60_000);
    expect(timeStep(21_600_000, 8)).toBe(3_600_000);
    expect(timeTicks(61_000, 241_000, 60_000)).toEqual([120_000, 180_000, 240_000]);
  });
});
