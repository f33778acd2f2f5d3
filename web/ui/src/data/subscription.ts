// What to ask for when a series is subscribed: the whole range, or only what is missing.
import type { SeriesWindow } from './series_window';

export interface Request {
  from_ms: number;
  max_points: number;
  /** The snapshot takes the place of what is there; else it is merged into it. */
  replace: boolean;
}

export interface Held {
  window: SeriesWindow;
  /** The oldest time that was asked for, or null when no snapshot has come yet. */
  coveredFrom: number | null;
}

const rangePoints = 1200; // About the width of a chart in device pixels.
const resumePoints = 4000; // So many that windows of a gap are not merged.

/** A request for `held` so that [now - range, now] is filled, or null if there is nothing to do. */
export function planRequest(held: Held | undefined, now: number, rangeMs: number, reconnected: boolean): Request | null {
  const from = now - rangeMs;
  const whole: Request = { from_ms: Math.floor(from), max_points: rangePoints, replace: true };
  if (!held || held.coveredFrom === null) return whole;
  const slack = Math.max(2000, rangeMs * 0.02);
  if (from < held.coveredFrom - slack) return whole; // The range was widened.
  if (!reconnected) return null;
  const newest = held.window.newest;
  if (newest === null || newest <= from) return whole;
  return { from_ms: newest, max_points: resumePoints, replace: false };
}
