// What web/API.md says, as types. Times are UTC milliseconds as the server counts them.

export type EdgeState = 'up' | 'late' | 'down';
export type Severity = 'low' | 'medium' | 'high' | 'critical';
export type AlertState = 'inactive' | 'pending' | 'firing' | 'recovering' | 'resolved';

export interface Totals {
  edges: number;
  up: number;
  late: number;
  down: number;
  events_per_s: number;
  events_total: number;
  lag_p99_ms: number;
  alerts_open: number;
  series: number;
  rejected_total: number;
  late_total: number;
}

export interface Edge {
  name: string;
  state: EdgeState;
  last_seen_ms: number;
  events_per_s: number;
  events_total: number;
  lag_ms: number;
  clock_offset_ms: number;
  series_open: number;
  outbox_records: number;
  outbox_bytes: number;
  rejected_total: number;
  rejected_by_reason?: Record<string, number>;
  late_total: number;
  shed_total: number;
  expired_total: number;
  alerts_firing: number;
  rss_bytes: number;
  // A centre of before does not send these.
  revisions_total?: number;
  filtered_total?: number;
  derived_total?: number;
  evicted_total?: number;
  series_known?: number;
  state_bytes?: number;
  restamped_total?: number;
  held_events?: number;
  clock_jumps_total?: number;
  modes?: string[];
  ledger_balanced?: boolean;
  version: string;
  started_ms: number;
}

export interface SeriesInfo {
  id: number;
  edge: string;
  text: string;
  width_ms: number;
  last_ms?: number;
}

export interface Anomaly {
  series: number;
  edge: string;
  text: string;
  time_ms: number;
  value: number;
  expected: number;
  deviation: number;
  score: number;
  severity: Severity;
  model: string;
}

export interface Alert {
  id: string;
  edge: string;
  rule: string;
  text: string;
  state: AlertState;
  severity: Severity;
  start_ms: number;
  updated_ms: number;
  value: number;
  limit: number;
  message: string;
}

/** One series of a snapshot: columns of equal length, ascending by start. */
export interface SnapSeries extends SeriesInfo {
  start_ms: Float64Array;
  mean: Float64Array;
  min: Float64Array;
  max: Float64Array;
  count: Float64Array;
}

export interface Point {
  series: number;
  start_ms: number;
  width_ms: number;
  mean: number;
  min: number;
  max: number;
  count: number;
}

export interface HelloFrame {
  t: 'hello';
  server_ms: number;
  version: string;
}
export interface TickFrame {
  t: 'tick';
  seq: number;
  server_ms: number;
  totals: Totals;
  edges: Edge[];
}
export interface SnapFrame {
  t: 'snap';
  seq: number;
  server_ms: number;
  id: number;
  series: SnapSeries[];
  anomalies: Anomaly[];
  missing: number[];
}
export interface DeltaFrame {
  t: 'delta';
  seq: number;
  server_ms: number;
  points: Point[];
  anomalies: Anomaly[];
  alerts: Alert[];
  new_series: number;
}
export interface ErrorFrame {
  t: 'error';
  id: number | null;
  code: string;
  message: string;
}
export type Frame = HelloFrame | TickFrame | SnapFrame | DeltaFrame | ErrorFrame;
