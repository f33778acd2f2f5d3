// A chart as a part of the page: the canvas is drawn by the draw loop, never by
// rendering; for who cannot see it there is a name, a summary and (point_table.tsx) a table.
import { useEffect, useId, useRef } from 'react';
import { serverNow } from '../app/live';
import { getState } from '../app/state';
import { alignWindows } from '../chart/align';
import { drawAll, enrol } from '../chart/draw_loop';
import type { Mark } from '../chart/marks';
import { TimeChart, type ChartLine, type Hover } from '../chart/time_chart';
import type { SeriesWindow } from '../data/series_window';
import { formatTime, formatValue } from '../format';
import { laneStats, spanOf, type LineStats } from './lane_data';

const describeEveryMs = 5000;

export interface ChartProps {
  label: string;
  lines: readonly ChartLine[];
  names: readonly string[];
  /** The windows behind the lines, asked at each draw. */
  windows: () => SeriesWindow[];
  /** All windows that share the time axis with this chart; its own when not given. */
  together?: () => SeriesWindow[];
  seriesIds: readonly number[] | null;
  labelTime: boolean;
  fromZero?: boolean;
  format: (x: number | null) => string;
  onStats?: (stats: readonly LineStats[]) => void;
}

export function Chart(props: ChartProps) {
  const host = useRef<HTMLDivElement>(null);
  const summary = useRef<HTMLParagraphElement>(null);
  const id = useId();
  const latest = useRef(props);
  latest.current = props;
  const shape = `${props.lines.map((l) => l.colour).join()}|${props.labelTime}|${props.seriesIds?.join() ?? ''}`;
  useEffect(() => {
    const element = host.current!;
    const chart = new TimeChart(element, latest.current.lines, latest.current.labelTime, (tip, hover) => fillTip(tip, hover, latest.current));
    let describedAt = -describeEveryMs;
    const leave = enrol(element, {
      series: latest.current.seriesIds,
      draw: () => {
        const stats = drawChart(chart, element, latest.current);
        latest.current.onStats?.(stats);
        if (performance.now() - describedAt < describeEveryMs) return;
        describedAt = performance.now();
        if (summary.current) summary.current.textContent = describe(latest.current, stats);
      },
    });
    drawAll();
    return () => {
      leave();
      chart.destroy();
    };
  }, [shape]);
  return (
    <>
      <div className="chart" ref={host} role="img" aria-label={props.label} aria-describedby={id} />
      <p className="sr-only" id={id} ref={summary} />
    </>
  );
}

function drawChart(chart: TimeChart, host: HTMLElement, props: ChartProps): LineStats[] {
  const { utc, rangeMs, pausedAt, anomalies } = getState();
  const windows = props.windows();
  const { fromMs, toMs } = spanOf(props.together?.() ?? windows, pausedAt ?? serverNow(), rangeMs);
  const aligned = alignWindows(windows, fromMs, toMs);
  const marks: Mark[] = [];
  if (props.seriesIds)
    for (const a of anomalies)
      if (a.time_ms >= fromMs && a.time_ms <= toMs && props.seriesIds.includes(a.series)) marks.push({ x: a.time_ms, y: a.value, anomaly: a });
  // Newest first in the list: the newest is to be drawn last, on top.
  chart.show({ fromMs, toMs, aligned, marks: marks.reverse(), utc, fromZero: props.fromZero ?? false });
  // A canvas cannot be asked what it shows; these can, by tests and by the curious.
  host.dataset['points'] = String(aligned.x.length);
  host.dataset['newest'] = String(aligned.x[aligned.x.length - 1] ?? '');
  host.dataset['marks'] = String(marks.length);
  return windows.map((w) => laneStats(w, fromMs, toMs));
}

function describe(props: ChartProps, stats: readonly LineStats[]): string {
  return stats
    .map((s, i) => s.points === 0
      ? `${props.names[i]}: no data in this range.`
      : `${props.names[i]}: last ${props.format(s.last)}, smallest ${props.format(s.min)}, greatest ${props.format(s.max)}, mean ${props.format(s.mean)}.`)
    .join(' ');
}

function fillTip(tip: HTMLElement, hover: Hover, props: ChartProps): boolean {
  const { utc } = getState();
  const windows = props.windows();
  const rows: [string, string, string][] = [];
  hover.indices.forEach((index, i) => {
    const w = windows[i];
    if (index === null || !w) return;
    const at = nearestPoint(w, hover.timeMs);
    if (at < 0) return;
    const line = props.lines[i]!;
    const band = line.band && w.min[at] !== w.max[at] ? ` (${props.format(w.min[at]!)} to ${props.format(w.max[at]!)})` : '';
    rows.push([line.colour, props.names[i] ?? '', props.format(w.mean[at]!) + band]);
  });
  if (rows.length === 0 && !hover.mark) return false;
  tip.replaceChildren(element('p', 'tip-time', formatTime(hover.timeMs, utc)));
  for (const [colour, name, value] of rows) {
    const row = element('p', `tip-row swatch-of${colour.slice(1)}`, '');
    row.append(element('span', 'swatch', ''), element('span', 'tip-name', name), element('b', '', value));
    tip.append(row);
  }
  if (hover.mark) {
    const a = hover.mark.anomaly;
    tip.append(
      element('p', 'tip-anomaly', `${a.severity} anomaly at ${formatTime(a.time_ms, utc)}`),
      element('p', '', `value ${formatValue(a.value)}, expected ${formatValue(a.expected)}`),
      element('p', 'rest', `score ${a.score.toFixed(2)}, ${a.deviation.toFixed(1)} deviations, ${a.model}`),
    );
  }
  return true;
}

function element(tag: string, className: string, text: string): HTMLElement {
  const e = document.createElement(tag);
  e.className = className;
  e.textContent = text;
  return e;
}

/** The point whose window's middle is nearest to `timeMs`, or -1. */
function nearestPoint(w: SeriesWindow, timeMs: number): number {
  if (w.length === 0) return -1;
  const after = Math.min(w.end - 1, w.lowerBound(timeMs));
  const before = Math.max(w.head, after - 1);
  const distance = (i: number): number => Math.abs(w.start[i]! + w.width[i]! / 2 - timeMs);
  return distance(before) < distance(after) ? before : after;
}
