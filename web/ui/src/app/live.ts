// Points and rates as they arrive: outside of the page's state, in fixed memory.
import { ServerClock } from '../data/clock';
import { SeriesWindow } from '../data/series_window';
import type { Held } from '../data/subscription';
import type { DeltaFrame, Edge, SnapSeries, Totals } from '../data/wire';

const pointsMax = 8192; // 6 h of windows of 5 s are 4,320.
const ticksMax = 21_600; // 6 h of one a second.
/** More lines than this in the chart of rates say nothing; then only the sum is drawn. */
export const edgeLinesMax = 5;

export const clock = new ServerClock();
export const serverNow = (): number => clock.at(Date.now());

export const held = new Map<number, Held>();
export const totalRate = new SeriesWindow(ticksMax);
export const edgeRates = new Map<string, SeriesWindow>();

export function holdSeries(id: number): Held {
  let entry = held.get(id);
  if (!entry) {
    entry = { window: new SeriesWindow(pointsMax), coveredFrom: null };
    held.set(id, entry);
  }
  return entry;
}

export function dropSeries(keep: readonly number[]): void {
  for (const id of held.keys()) if (!keep.includes(id)) held.delete(id);
}

export function putSnapshot(s: SnapSeries, fromMs: number, replace: boolean): void {
  const entry = holdSeries(s.id);
  if (replace) {
    entry.window.clear();
    entry.coveredFrom = fromMs;
  }
  for (let i = 0; i < s.start_ms.length; i++) {
    entry.window.upsert(s.start_ms[i]!, s.width_ms, s.mean[i]!, s.min[i]!, s.max[i]!, s.count[i]!);
  }
}

/** Ids of the series that changed. */
export function putPoints(frame: DeltaFrame): Set<number> {
  const changed = new Set<number>();
  for (const p of frame.points) {
    const entry = held.get(p.series);
    if (!entry) continue; // Just removed.
    if (entry.window.upsert(p.start_ms, p.width_ms, p.mean, p.min, p.max, p.count) !== 'ignored') changed.add(p.series);
  }
  return changed;
}

export function putRates(serverMs: number, totals: Totals, edges: readonly Edge[]): void {
  putRate(totalRate, serverMs, totals.events_per_s);
  if (edges.length > edgeLinesMax) {
    edgeRates.clear();
    return;
  }
  for (const edge of edges) {
    let window = edgeRates.get(edge.name);
    if (!window) {
      window = new SeriesWindow(ticksMax);
      edgeRates.set(edge.name, window);
    }
    putRate(window, serverMs, edge.events_per_s);
  }
}

function putRate(window: SeriesWindow, serverMs: number, rate: number): void {
  window.upsert(serverMs, 1000, rate, rate, rate, 1);
}
