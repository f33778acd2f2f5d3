// Small parts that all panels share.
import { useEffect, useId, useState, type ReactNode } from 'react';
import { serverNow } from '../app/live';
import { useApp } from '../app/state';
import { formatAge, formatTime, shortSeries } from '../format';
import type { AlertState, EdgeState, Severity } from '../data/wire';

type Shape = 'circle' | 'triangle' | 'diamond' | 'octagon' | 'ring' | 'cross';

const outlines: Record<Shape, ReactNode> = {
  circle: <circle cx="8" cy="8" r="5" />,
  triangle: <path d="M8 2l6.5 11.5h-13z" />,
  diamond: <path d="M8 1.5l6.5 6.5L8 14.5 1.5 8z" />,
  octagon: <path fillRule="evenodd" d="M4.9.5h6.2l4.4 4.4v6.2l-4.4 4.4H4.9L.5 11.1V4.9zM7 3.5v5.5h2V3.5zm0 7v2h2v-2z" />,
  ring: <circle cx="8" cy="8" r="4.5" fill="none" stroke="currentColor" strokeWidth="2.4" />,
  cross: <path d="M3 3l10 10M13 3L3 13" fill="none" stroke="currentColor" strokeWidth="2.8" strokeLinecap="round" />,
};

/** Decoration beside a word that says the same. */
export function Icon({ shape }: { shape: Shape }) {
  return (
    <svg className="icon" viewBox="0 0 16 16" width="12" height="12" fill="currentColor" aria-hidden="true">
      {outlines[shape]}
    </svg>
  );
}

const severityShape: Record<Severity, Shape> = { low: 'circle', medium: 'triangle', high: 'diamond', critical: 'octagon' };

export function SeverityChip({ severity, muted }: { severity: Severity; muted?: boolean }) {
  return (
    <span className={`chip sev-${severity}${muted ? ' muted-chip' : ''}`}>
      <Icon shape={severityShape[severity] ?? 'circle'} />
      {severity}
    </span>
  );
}

const edgeShape: Record<EdgeState, Shape> = { up: 'circle', late: 'triangle', down: 'cross' };

export function EdgeChip({ state }: { state: EdgeState }) {
  return (
    <span className={`chip edge-${state}`}>
      <Icon shape={edgeShape[state] ?? 'ring'} />
      {state}
    </span>
  );
}

export function StateWord({ state }: { state: AlertState }) {
  return <span className={`state-word state-${state}`}>{state}</span>;
}

/** The name of a series: its metric, and muted what tells it from others. */
export function SeriesName({ text, edge }: { text: string; edge?: string }) {
  const { metric, rest } = shortSeries(text);
  const withEdge = edge !== undefined && edge !== '' && edge !== rest; // Of its own machine: once is enough.
  return (
    <span className="series-name" title={text}>
      <span className="metric">{metric}</span>
      {rest !== '' && <span className="rest"> {rest}</span>}
      {withEdge && <span className="rest"> · {edge}</span>}
    </span>
  );
}

/** Renders again every `everyMs`, for ages. */
export function useClock(everyMs = 1000): void {
  const [, turn] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => turn((n) => n + 1), everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
}

/** How old the newest data of a panel is; stale beyond three of its intervals. */
export function Freshness({ newestMs, intervalMs }: { newestMs: number | null; intervalMs: number }) {
  useClock(500);
  const live = useApp((s) => s.link.phase === 'live');
  const utc = useApp((s) => s.utc);
  if (newestMs === null) return <span className="freshness">no data yet</span>;
  if (!live) return <span className="freshness is-stale">as of {formatTime(newestMs, utc)}</span>;
  const age = Math.max(0, serverNow() - newestMs);
  const stale = age > 3 * Math.max(intervalMs, 1000);
  return (
    <span className={`freshness${stale ? ' is-stale' : ''}`} title="Age of the newest data in this panel">
      {stale ? 'stale, ' : ''}{formatAge(age)} old
    </span>
  );
}

interface PanelProps {
  title: string;
  name: string;
  className?: string;
  count?: string | undefined;
  side?: ReactNode;
  stale?: boolean;
  children: ReactNode;
}

export function Panel({ title, name, className, count, side, stale, children }: PanelProps) {
  const id = useId();
  return (
    <section className={`panel ${className ?? ''}`} aria-labelledby={id} data-panel={name} data-stale={stale ? '' : undefined}>
      <header className="panel-head">
        <h2 id={id}>{title}</h2>
        {count !== undefined && <span className="count">{count}</span>}
        <div className="panel-side">{side}</div>
      </header>
      {children}
    </section>
  );
}

export function Empty({ children }: { children: ReactNode }) {
  return <p className="empty">{children}</p>;
}

/** Grey bars, only where waiting takes long enough to be noticed. */
export function Skeleton({ rows }: { rows: number }) {
  return (
    <div className="skeleton">
      <span className="sr-only">Loading</span>
      {Array.from({ length: rows }, (_, i) => <span key={i} aria-hidden="true" />)}
    </div>
  );
}
