// The fleet in numbers: the strip of totals, and a tile for each edge.
import { setState, useApp } from '../app/state';
import { warningsOf } from '../data/ledger';
import type { Edge, EdgeState } from '../data/wire';
import { formatAge, formatBytes, formatCount, formatDateTime, formatLag, formatRate, formatShortAge, formatTotal } from '../format';
import { bytesPerSeries, remarksHint, remarksOf } from './edge_remarks';
import { Warnings } from './ledger';
import { EdgeChip, Empty, Freshness, Icon, Panel, Skeleton } from './parts';

export function HealthStrip() {
  const totals = useApp((s) => s.totals);
  const live = useApp((s) => s.link.phase === 'live');
  const lost = (totals?.edges ?? 0) > 0 && totals!.up < totals!.edges;
  return (
    <section className="strip" aria-label="Health of the system" data-panel="health" data-stale={live || !totals ? undefined : ''}>
      <dl>
        <div className={`cell wide${lost ? ' is-bad' : ''}`}>
          <dt>Edges</dt>
          <dd className="edge-counts" data-value="edges">
            <Count shape="circle" state="up" value={totals?.up} />
            <Count shape="triangle" state="late" value={totals?.late} />
            <Count shape="cross" state="down" value={totals?.down} />
          </dd>
        </div>
        <Cell name="events_per_s" label="Events/s" value={formatRate(totals?.events_per_s)} />
        <Cell name="lag" label="Lag p99" value={formatLag(totals?.lag_p99_ms)}
          hint="From the end of a window at the edge to its commit at the centre" bad={(totals?.lag_p99_ms ?? 0) > 10_000} />
        <Cell name="alerts" label="Open alerts" value={formatCount(totals?.alerts_open)} bad={(totals?.alerts_open ?? 0) > 0} />
        <Cell name="series" label="Series" value={formatCount(totals?.series)} />
        <Cell name="events" label="Events, total" value={formatTotal(totals?.events_total)} />
        <Cell name="late" label="Late events" value={formatCount(totals?.late_total)}
          hint="Came after their window had closed for good; counted, not in any window" />
        <Cell name="rejected" label="Rejected" value={formatCount(totals?.rejected_total)}
          hint="Payloads that could not be taken; samples are in quarantine" />
      </dl>
    </section>
  );
}

function Count({ shape, state, value }: { shape: 'circle' | 'triangle' | 'cross'; state: EdgeState; value: number | undefined }) {
  return (
    <span className={`edge-count${value ? ` on-${state}` : ''}`}>
      <Icon shape={shape} />{formatCount(value)}<small> {state}</small>
    </span>
  );
}

interface CellProps { name: string; label: string; value: string; hint?: string; bad?: boolean }

function Cell({ name, label, value, hint, bad }: CellProps) {
  return (
    <div className={`cell${bad ? ' is-bad' : ''}`} title={hint}>
      <dt>{label}</dt>
      <dd data-value={name}>{value}</dd>
    </div>
  );
}

const tilesMax = 60;
const stateRank: Record<EdgeState, number> = { down: 0, late: 1, up: 2 };
/** What needs eyes first; an edge with a warning before all others. */
const rankOf = (e: Edge): number => (warningsOf(e.modes, e.ledger_balanced).length > 0 ? -1 : stateRank[e.state]);

export function Fleet() {
  const edges = useApp((s) => s.edges);
  const tickMs = useApp((s) => s.tickMs);
  const loaded = useApp((s) => s.totals !== null);
  const live = useApp((s) => s.link.phase === 'live');
  // In order of name, so that a tile keeps its place; many edges: what needs eyes first.
  const many = edges.length > tilesMax;
  const shown = many ? [...edges].sort((a, b) => rankOf(a) - rankOf(b) || b.lag_ms - a.lag_ms).slice(0, tilesMax) : edges;
  return (
    <Panel title="Fleet" name="fleet" className="fleet" stale={loaded && !live}
      count={many ? `${tilesMax} of ${formatCount(edges.length)}, worst first` : undefined}
      side={<Freshness newestMs={tickMs} intervalMs={1000} />}>
      {!loaded ? <Skeleton rows={3} /> : edges.length === 0 ? (
        <Empty>No edge has connected yet. Start one on a gateway with <code>weir-edge</code> and the address of this server; it shows here within a second.</Empty>
      ) : (
        <ul className="tiles">{shown.map((e) => <Tile key={e.name} edge={e} nowMs={tickMs ?? 0} />)}</ul>
      )}
    </Panel>
  );
}

function Tile({ edge, nowMs }: { edge: Edge; nowMs: number }) {
  const utc = useApp((s) => s.utc);
  const age = edge.last_seen_ms > 0 && nowMs > 0 ? Math.max(0, nowMs - edge.last_seen_ms) : null;
  const off = edge.state === 'down';
  const warnings = warningsOf(edge.modes, edge.ledger_balanced);
  return (
    <li className={`tile tile-${edge.state}`} data-edge={edge.name}
      title={edge.last_seen_ms > 0 ? `Last heard ${formatDateTime(edge.last_seen_ms, utc)}, version ${edge.version || 'unknown'}` : 'Never heard of'}>
      <div className="tile-head">
        <h3>{edge.name}</h3>
        <EdgeChip state={edge.state} />
      </div>
      <dl>
        <Fact label="events/s" value={off ? '–' : formatRate(edge.events_per_s)} />
        <Fact label="lag" value={off ? '–' : formatLag(edge.lag_ms)} />
        <Fact label="outbox" value={formatCount(edge.outbox_records)} hint={`${formatBytes(edge.outbox_bytes)} wait to be sent`} />
        <Fact label="age" value={age === null ? 'never' : formatShortAge(age)} hint={age === null ? 'Never heard of' : `Last heard ${formatAge(age)} ago`} />
        <Fact label="state" value={formatBytes(edge.state_bytes)} hint="Memory of open windows, detectors and source clocks" />
        <Fact label="series" value={formatCount(edge.series_open)} hint="With an open window" />
        <Fact label="per series" value={formatBytes(bytesPerSeries(edge))} hint={`State of one of ${formatCount(edge.series_known)} series that the edge knows`} />
      </dl>
      {warnings.length > 0 && <Warnings list={warnings} />}
      <div className="tile-foot">
        <Remarks edge={edge} />
        <button type="button" className="button small" onClick={() => setState({ ledgerOf: edge.name })}
          title="Where everything of this edge has gone (l)">Ledger<span className="sr-only"> of {edge.name}</span></button>
      </div>
    </li>
  );
}

function Fact({ label, value, hint }: { label: string; value: string; hint?: string | undefined }) {
  return <div title={hint}><dt>{label}</dt><dd>{value}</dd></div>;
}

function Remarks({ edge }: { edge: Edge }) {
  const remarks = remarksOf(edge);
  return <p className="remarks" title={remarksHint(edge) || undefined}>{remarks.length > 0 ? remarks.join(' · ') : 'nothing lost or refused'}</p>;
}
