// Numbers that belong to a chart: its span, the legend's figures, the table's rows.
import type { SeriesWindow } from '../data/series_window';

export interface LineStats {
  points: number;
  last: number | null;
  min: number | null;
  max: number | null;
  /** Of all events, so that a window with many counts for more. */
  mean: number | null;
  newestEndMs: number | null;
  cadenceMs: number;
}

export function laneStats(w: SeriesWindow, fromMs: number, toMs: number): LineStats {
  let points = 0;
  let min = Infinity;
  let max = -Infinity;
  let sum = 0;
  let count = 0;
  let lastAt = -1;
  for (let i = w.lowerBound(fromMs); i < w.end && w.start[i]! <= toMs; i++) {
    points++;
    min = Math.min(min, w.min[i]!);
    max = Math.max(max, w.max[i]!);
    sum += w.mean[i]! * w.count[i]!;
    count += w.count[i]!;
    lastAt = i;
  }
  const some = points > 0;
  return {
    points,
    last: some ? w.mean[lastAt]! : null,
    min: some ? min : null,
    max: some ? max : null,
    mean: count > 0 ? sum / count : null,
    newestEndMs: w.newest === null ? null : w.newest + w.width[w.end - 1]!,
    cadenceMs: w.cadence(),
  };
}

const spanMinMs = 30_000;

/** The range up to `nowMs`, but no more than there is data for, and half a minute at least. */
export function spanOf(windows: readonly SeriesWindow[], nowMs: number, rangeMs: number): { fromMs: number; toMs: number } {
  let oldest = Infinity;
  for (const w of windows) if (w.oldest !== null) oldest = Math.min(oldest, w.oldest);
  const span = oldest === Infinity ? rangeMs : Math.min(rangeMs, Math.max(spanMinMs, nowMs - oldest));
  return { fromMs: nowMs - span, toMs: nowMs };
}

export interface TableRow {
  startMs: number;
  values: (number | null)[];
}

/** The newest `count` starts at or before `untilMs`, newest first. */
export function tableRows(windows: readonly SeriesWindow[], untilMs: number, count: number): TableRow[] {
  const rows = new Map<number, TableRow>();
  windows.forEach((w, s) => {
    let left = count;
    for (let i = w.end - 1; i >= w.head && left > 0; i--) {
      const startMs = w.start[i]!;
      if (startMs > untilMs) continue;
      let row = rows.get(startMs);
      if (!row) rows.set(startMs, (row = { startMs, values: windows.map(() => null) }));
      row.values[s] = w.mean[i]!;
      left--;
    }
  });
  return [...rows.values()].sort((a, b) => b.startMs - a.startMs).slice(0, count);
}
