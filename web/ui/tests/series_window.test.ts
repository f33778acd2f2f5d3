import { describe, expect, it } from 'vitest';
import { SeriesWindow } from '../src/data/series_window';

const starts = (w: SeriesWindow): number[] => [...w.start.subarray(w.head, w.end)];
const means = (w: SeriesWindow): number[] => [...w.mean.subarray(w.head, w.end)];
const add = (w: SeriesWindow, start: number, mean = start, width = 10): string =>
  w.upsert(start, width, mean, mean - 1, mean + 1, 3);

describe('SeriesWindow', () => {
  it('keeps the newest points when more come than fit', () => {
    const w = new SeriesWindow(4);
    for (let t = 0; t < 100; t += 10) expect(add(w, t)).toBe('appended');
    expect(starts(w)).toEqual([60, 70, 80, 90]);
    expect(w.oldest).toBe(60);
    expect(w.newest).toBe(90);
  });

  it('moves the live half to the front without losing a value', () => {
    const w = new SeriesWindow(3);
    for (let i = 0; i < 1000; i++) {
      add(w, i * 10, i);
      expect(w.end).toBeLessThanOrEqual(6);
      const from = Math.max(0, i - 2);
      expect(means(w)).toEqual(Array.from({ length: i - from + 1 }, (_, k) => from + k));
    }
  });

  it('replaces a point with the same start', () => {
    const w = new SeriesWindow(4);
    add(w, 0, 1);
    add(w, 10, 2);
    expect(add(w, 0, 7)).toBe('replaced');
    expect(means(w)).toEqual([7, 2]);
    expect(w.min[w.head]).toBe(6);
    expect(w.max[w.head]).toBe(8);
  });

  it('puts a point that comes late in its place', () => {
    const w = new SeriesWindow(8);
    for (const t of [0, 10, 30, 40]) add(w, t);
    expect(add(w, 20)).toBe('inserted');
    expect(starts(w)).toEqual([0, 10, 20, 30, 40]);
    expect(means(w)).toEqual([0, 10, 20, 30, 40]);
  });

  it('drops the oldest point for a late one when full, and ignores what is older than all', () => {
    const w = new SeriesWindow(3);
    for (const t of [0, 10, 30, 40]) add(w, t); // Keeps 10, 30, 40.
    expect(add(w, 20)).toBe('inserted');
    expect(starts(w)).toEqual([20, 30, 40]);
    expect(add(w, 0)).toBe('ignored');
    expect(starts(w)).toEqual([20, 30, 40]);
  });

  it('does not double a window that a merged point of a snapshot already holds', () => {
    const w = new SeriesWindow(8);
    add(w, 0, 5, 30);
    add(w, 30, 6, 30);
    expect(add(w, 0, 1, 10)).toBe('ignored');
    expect(add(w, 10, 1, 10)).toBe('ignored');
    expect(add(w, 40, 1, 10)).toBe('appended'); // The newest one may still be growing.
    expect(starts(w)).toEqual([0, 30, 40]);
  });

  it('tells the usual distance between points, at least their width', () => {
    const w = new SeriesWindow(64);
    expect(w.cadence()).toBe(0);
    add(w, 0);
    expect(w.cadence()).toBe(10);
    for (const t of [30, 60, 90, 200, 230, 260]) add(w, t);
    expect(w.cadence()).toBe(30);
  });

  it('is empty after clear', () => {
    const w = new SeriesWindow(4);
    add(w, 10);
    w.clear();
    expect(w.newest).toBeNull();
    expect(add(w, 5)).toBe('appended');
    expect(starts(w)).toEqual([5]);
  });

  it('agrees with a plain sorted map under random input', () => {
    let seed = 12345;
    const next = (n: number): number => (seed = (seed * 1103515245 + 12345) & 0x7fffffff) % n;
    const w = new SeriesWindow(50);
    const model = new Map<number, number>();
    for (let i = 0; i < 3000; i++) {
      const t = (Math.floor(i / 3) + next(20)) * 10;
      const result = add(w, t, i);
      if (result !== 'ignored') model.set(t, i);
      const kept = [...model.entries()].sort((a, b) => a[0] - b[0]).slice(-50);
      model.clear();
      for (const [k, v] of kept) model.set(k, v);
    }
    expect(starts(w)).toEqual([...model.keys()]);
    expect(means(w)).toEqual([...model.values()]);
  });
});
