// The chosen series: a lane for each metric, with a legend of figures.
import { useRef } from 'react';
import { setChosen } from '../app/controller';
import { held, serverNow } from '../app/live';
import { getState, useApp } from '../app/state';
import type { ChartLine } from '../chart/time_chart';
import { noPoints, type SeriesWindow } from '../data/series_window';
import type { SeriesInfo } from '../data/wire';
import { formatAge, formatSteady, formatTime, shortSeries, splitSeriesText } from '../format';
import { Chart } from './chart';
import { spanOf, type LineStats } from './lane_data';
import { Picker } from './picker';
import { PointTable } from './point_table';
import { Empty, Freshness, Panel, SeriesName, Skeleton, useClock } from './parts';

interface Lane { metric: string; ids: number[] }

/** Series of one metric share a lane, and so a scale; the order is that of choosing. */
function lanesOf(chosen: readonly number[], infos: ReadonlyMap<number, SeriesInfo>): Lane[] {
  const lanes: Lane[] = [];
  for (const id of chosen) {
    const info = infos.get(id);
    const metric = info ? splitSeriesText(info.text).metric : `series ${id}`;
    const lane = lanes.find((l) => l.metric === metric);
    if (lane) lane.ids.push(id);
    else lanes.push({ metric, ids: [id] });
  }
  return lanes;
}

const windowsOf = (ids: readonly number[]): SeriesWindow[] => ids.map((id) => held.get(id)?.window ?? noPoints);

export function SeriesPanel() {
  const chosen = useApp((s) => s.chosen);
  const infos = useApp((s) => s.infos);
  const choosing = useApp((s) => s.choosing);
  const loaded = useApp((s) => s.totals !== null);
  const none = useApp((s) => s.totals !== null && s.totals.series === 0);
  const live = useApp((s) => s.link.phase === 'live');
  const lanes = lanesOf(chosen, infos);
  return (
    <Panel title="Series" name="series" className="series" stale={loaded && !live} count={chosen.length > 0 ? `${chosen.length} of 6` : undefined}
      side={<><SeriesFreshness ids={chosen} /><Picker /></>}>
      {chosen.length > 0 ? (
        <>
          <div className={`lanes lanes-${lanes.length}`}>
            {lanes.map((lane, i) => (
              <LaneView key={lane.metric} lane={lane} chosen={chosen} infos={infos} first={i === 0} last={i === lanes.length - 1} />
            ))}
          </div>
          <SpanNote ids={chosen} />
          <PointTable what="chosen series" names={chosen.map((id) => nameOf(id, infos))} windows={() => windowsOf(chosen)} format={formatSteady} />
        </>
      ) : none ? (
        <Empty>No series yet. The first one appears with the first event that an edge takes in.</Empty>
      ) : choosing ? <Skeleton rows={8} /> : (
        <Empty>No series chosen. Press <kbd>/</kbd> and type a part of a metric, source or edge, or click an anomaly.</Empty>
      )}
    </Panel>
  );
}

function nameOf(id: number, infos: ReadonlyMap<number, SeriesInfo>): string {
  const info = infos.get(id);
  if (!info) return `series ${id}`;
  const { metric, rest } = shortSeries(info.text);
  return rest === '' ? metric : `${metric} ${rest}`;
}

function SeriesFreshness({ ids }: { ids: readonly number[] }) {
  useClock(1000);
  let newest: number | null = null;
  let interval = 1000;
  for (const w of windowsOf(ids)) {
    if (w.newest === null) continue;
    const end = w.newest + w.width[w.end - 1]!;
    if (newest === null || end > newest) {
      newest = end;
      interval = w.cadence();
    }
  }
  return ids.length === 0 ? null : <Freshness newestMs={newest} intervalMs={interval} />;
}

/** Says so when there is less data than the range asks for. */
function SpanNote({ ids }: { ids: readonly number[] }) {
  useClock(1000);
  const rangeMs = useApp((s) => s.rangeMs);
  const pausedAt = useApp((s) => s.pausedAt);
  const utc = useApp((s) => s.utc);
  const { fromMs, toMs } = spanOf(windowsOf(ids), pausedAt ?? serverNow(), rangeMs);
  return (
    <p className="span-note">
      {pausedAt !== null ? `Paused at ${formatTime(toMs, utc)}. ` : ''}
      {toMs - fromMs < rangeMs - 1000 ? `All there is: the last ${formatAge(toMs - fromMs)}.` : `The last ${formatAge(rangeMs)}.`}
      {' '}Line: mean of a window; band: smallest to greatest; shapes: anomalies.
    </p>
  );
}

interface LaneProps { lane: Lane; chosen: readonly number[]; infos: ReadonlyMap<number, SeriesInfo>; first: boolean; last: boolean }

function LaneView({ lane, chosen, infos, first, last }: LaneProps) {
  const rows = useRef<HTMLTableSectionElement>(null);
  const colours = lane.ids.map((id) => `--series-${(chosen.indexOf(id) % 6) + 1}`);
  const lines = colours.map((colour): ChartLine => ({ colour, band: true, area: false, width: 1.75 }));
  const names = lane.ids.map((id) => nameOf(id, infos));
  return (
    <div className="lane" data-lane={lane.metric}>
      <table className="legend">
        <colgroup>{['name', 'last', 'min', 'max', 'mean', 'age', 'remove'].map((c) => <col key={c} className={`w-${c}`} />)}</colgroup>
        <thead className={first ? '' : 'sr-only'}>
          <tr>
            <th scope="col" className="left">series</th>
            {['last', 'min', 'max', 'mean', 'age'].map((h) => <th key={h} scope="col" className={`col-${h}`}>{h}</th>)}
            <th scope="col"><span className="sr-only">remove</span></th>
          </tr>
        </thead>
        <tbody ref={rows}>
          {lane.ids.map((id, i) => (
            <tr key={id} className={`swatch-of${colours[i]!.slice(1)}`} data-series={id}>
              <th scope="row" className="left">
                <span className="swatch" aria-hidden="true" />
                <SeriesName text={infos.get(id)?.text ?? `series ${id}`} edge={infos.get(id)?.edge ?? ''} />
              </th>
              {['last', 'min', 'max', 'mean', 'age'].map((c) => <td key={c} className={`col-${c}`} data-k={c}>–</td>)}
              <td className="col-remove">
                <button type="button" className="button square bare" aria-label={`Remove ${names[i]}`} title="Remove from the chart"
                  onClick={() => setChosen(chosen.filter((c) => c !== id))}>×</button>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      <Chart label={`Chart of ${names.join(', ')}`} lines={lines} names={names} windows={() => windowsOf(lane.ids)} together={() => windowsOf(getState().chosen)}
        seriesIds={lane.ids} labelTime={last} format={formatSteady} onStats={(stats) => writeLegend(rows.current, stats)} />
    </div>
  );
}

/** Straight into the cells: the numbers change too often to render for them. */
function writeLegend(body: HTMLElement | null, stats: readonly LineStats[]): void {
  stats.forEach((s, i) => {
    const row = body?.children[i];
    if (!row) return;
    const age = s.newestEndMs === null ? null : serverNow() - s.newestEndMs;
    const stale = age !== null && age > 3 * Math.max(s.cadenceMs, 1000);
    row.classList.toggle('is-stale', stale);
    const texts: Record<string, string> = {
      last: formatSteady(s.last), min: formatSteady(s.min), max: formatSteady(s.max), mean: formatSteady(s.mean),
      age: age === null ? '–' : `${stale ? 'stale ' : ''}${formatAge(age)}`,
    };
    for (const cell of row.querySelectorAll<HTMLElement>('td[data-k]')) {
      const text = texts[cell.dataset['k']!] ?? '';
      if (cell.textContent !== text) cell.textContent = text;
    }
  });
}
