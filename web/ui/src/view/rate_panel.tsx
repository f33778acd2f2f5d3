// Events per second: all edges, and each one while there are few.
import { useMemo } from 'react';
import { edgeLinesMax, edgeRates, totalRate } from '../app/live';
import { useApp } from '../app/state';
import type { ChartLine } from '../chart/time_chart';
import { noPoints, type SeriesWindow } from '../data/series_window';
import { formatRate } from '../format';
import { Chart } from './chart';
import { PointTable } from './point_table';
import { Freshness, Panel, Skeleton } from './parts';

export function RatePanel() {
  const tickMs = useApp((s) => s.tickMs);
  const live = useApp((s) => s.link.phase === 'live');
  const names = useApp((s) => s.edges.map((e) => e.name).join('\n')).split('\n').filter((n) => n !== '');
  const many = names.length < 2 || names.length > edgeLinesMax;
  const key = many ? '' : names.join('\n');
  const lines = useMemo((): ChartLine[] => {
    const total: ChartLine = { colour: '--text-line', band: false, area: true, width: 1.5 };
    return [total, ...(key === '' ? [] : key.split('\n')).map((_, i): ChartLine => ({ colour: `--series-${i + 1}`, band: false, area: false, width: 1.25 }))];
  }, [key]);
  const lineNames = many ? ['all edges'] : ['all edges', ...names];
  const windows = (): SeriesWindow[] => [totalRate, ...(many ? [] : names.map((n) => edgeRates.get(n) ?? noPoints))];
  return (
    <Panel title="Events per second" name="rate" className="rate" stale={tickMs !== null && !live} side={<Freshness newestMs={tickMs} intervalMs={1000} />}>
      {tickMs === null ? <Skeleton rows={4} /> : (
        <>
          <ul className="inline-legend">
            {lineNames.map((name, i) => (
              <li key={name} className={`swatch-of${lines[i]!.colour.slice(1)}`}><span className="swatch" aria-hidden="true" />{name}</li>
            ))}
          </ul>
          <Chart label="Events per second, all edges" lines={lines} names={lineNames} windows={windows} seriesIds={null} labelTime fromZero format={formatRate} />
          <PointTable what="events per second" names={lineNames} windows={windows} format={formatRate} />
        </>
      )}
    </Panel>
  );
}
