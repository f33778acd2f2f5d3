// From windows of points, each with its own times, to the one time axis that uPlot wants.
// No line is drawn over missing data: a hole between two points is reported as a gap.
import type { SeriesWindow } from '../data/series_window';

type Cell = number | null | undefined;

export interface AlignedSeries {
  mean: Cell[];
  min: Cell[];
  max: Cell[];
  /** Spans of time without data, to be cut out of the line. */
  gaps: [fromMs: number, toMs: number][];
  /** Indices of points with a gap on both sides: drawn as dots, else they would not show. */
  lonely: number[];
}

export interface Aligned {
  x: number[];
  series: AlignedSeries[];
  /** Of all series over the span; low > high when there is nothing. */
  low: number;
  high: number;
}

/** A point stands in the middle of its window. */
const middle = (w: SeriesWindow, i: number): number => w.start[i]! + w.width[i]! / 2;

/** The points of `windows` that begin in [fromMs, toMs], and one more before it if there is one. */
export function alignWindows(windows: readonly SeriesWindow[], fromMs: number, toMs: number): Aligned {
  const out: Aligned = { x: [], series: [], low: Infinity, high: -Infinity };
  const next: number[] = [];
  const end: number[] = [];
  for (const w of windows) {
    next.push(Math.max(w.head, w.lowerBound(fromMs) - 1));
    end.push(w.lowerBound(toMs));
    out.series.push({ mean: [], min: [], max: [], gaps: [], lonely: [] });
  }
  for (;;) {
    let x = Infinity;
    for (let s = 0; s < windows.length; s++)
      if (next[s]! < end[s]!) x = Math.min(x, middle(windows[s]!, next[s]!));
    if (x === Infinity) break;
    out.x.push(x);
    for (let s = 0; s < windows.length; s++) {
      const w = windows[s]!;
      const i = next[s]!;
      const series = out.series[s]!;
      if (i < end[s]! && middle(w, i) === x) {
        series.mean.push(w.mean[i]!);
        series.min.push(w.min[i]!);
        series.max.push(w.max[i]!);
        if (w.min[i]! < out.low) out.low = w.min[i]!;
        if (w.max[i]! > out.high) out.high = w.max[i]!;
        next[s] = i + 1;
      } else {
        // Undefined: this series has no point here, but its line goes on.
        series.mean.push(undefined);
        series.min.push(undefined);
        series.max.push(undefined);
      }
    }
  }
  windows.forEach((w, s) => findGaps(w, out.x, out.series[s]!));
  return out;
}

/**
 * A gap is a distance of more than 1.5 times what is usual around it: a snapshot of a long
 * range has merged windows, live data has narrow ones, and a sparse series is no broken one.
 */
function findGaps(w: SeriesWindow, x: readonly number[], series: AlignedSeries): void {
  const at: number[] = [];
  for (let i = 0; i < x.length; i++) if (series.mean[i] !== undefined) at.push(i);
  const distances = at.slice(1).map((i, k) => x[i]! - x[at[k]!]!);
  const width = w.length === 0 ? 0 : w.width[w.end - 1]!;
  let gapBefore = true;
  for (let k = 0; k < at.length; k++) {
    const distance = distances[k]; // To the next point; undefined behind the last.
    const gapAfter = distance === undefined || (distance > 1.5 * width && distance > 1.5 * usual(distances, k));
    if (gapAfter && distance !== undefined) series.gaps.push([x[at[k]!]!, x[at[k + 1]!]!]);
    if (gapAfter && gapBefore) series.lonely.push(at[k]!);
    gapBefore = gapAfter;
  }
}

/** The median of the distances around `k`, without that one itself. */
function usual(distances: readonly number[], k: number): number {
  const near: number[] = [];
  for (let i = Math.max(0, k - 5); i <= Math.min(distances.length - 1, k + 5); i++) if (i !== k) near.push(distances[i]!);
  near.sort((a, b) => a - b);
  return near[near.length >> 1] ?? 0;
}

/** [low, high] with `room` (a part of the span) above and below; a constant gets a span too. */
export function paddedRange(low: number, high: number, room = 0.08): [number, number] {
  if (low > high) return [0, 1];
  const span = high - low;
  const pad = span > 0 ? span * room : Math.max(Math.abs(high) * 0.05, 0.5);
  return [low - pad, high + pad];
}

const stepsMs = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200].map((s) => s * 1000);

/** The distance of ticks so that at most `count` fit on the span. */
export function timeStep(spanMs: number, count: number): number {
  return stepsMs.find((s) => spanMs / s <= count) ?? stepsMs[stepsMs.length - 1]!;
}

export function timeTicks(fromMs: number, toMs: number, stepMs: number): number[] {
  const ticks: number[] = [];
  for (let t = Math.ceil(fromMs / stepMs) * stepMs; t <= toMs; t += stepMs) ticks.push(t);
  return ticks;
}
