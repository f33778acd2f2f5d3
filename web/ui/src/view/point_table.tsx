// The newest points of a chart in numbers, for whom a picture says nothing.
import { useRef, useState, type ReactNode } from 'react';
import { useApp } from '../app/state';
import type { SeriesWindow } from '../data/series_window';
import { formatCount, formatTime } from '../format';
import { tableRows } from './lane_data';
import { useClock } from './parts';

interface TableProps { what: string; names: readonly string[]; windows: () => SeriesWindow[]; format: (x: number | null) => string }

/** Closed until asked for; then it follows the data. */
export function PointTable({ what, names, windows, format }: TableProps) {
  const [open, setOpen] = useState(false);
  const details = useRef<HTMLDetailsElement>(null);
  return (
    <details className="as-table" ref={details} onToggle={() => setOpen(details.current?.open ?? false)}>
      <summary>Show {what} as a table</summary>
      {open && <OpenTable what={what} names={names} windows={windows} format={format} />}
    </details>
  );
}

function OpenTable({ what, names, windows, format }: TableProps): ReactNode {
  useClock(1000);
  const utc = useApp((s) => s.utc);
  const pausedAt = useApp((s) => s.pausedAt);
  const rows = tableRows(windows(), pausedAt ?? Infinity, 20);
  return (
    <div className="scroll" tabIndex={0} role="region" aria-label={`Table of ${what}`}>
      <table className="points">
        <caption>The newest {formatCount(rows.length)} points, newest first; times are the start of a window</caption>
        <thead><tr><th scope="col">time</th>{names.map((n) => <th key={n} scope="col">{n}</th>)}</tr></thead>
        <tbody>
          {rows.map((r) => (
            <tr key={r.startMs}>
              <th scope="row">{formatTime(r.startMs, utc)}</th>
              {names.map((n, i) => <td key={n}>{format(r.values[i] ?? null)}</td>)}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
