// Alerts and anomalies, newest first; an anomaly is a way to its series.
import { showSeries } from '../app/controller';
import { serverNow } from '../app/live';
import { useApp } from '../app/state';
import { isOpen } from '../data/records';
import type { Alert, Anomaly } from '../data/wire';
import { formatAge, formatCount, formatDateTime, formatTime, formatValue } from '../format';
import { Empty, Freshness, Panel, SeriesName, SeverityChip, Skeleton, StateWord, useClock } from './parts';

const alertsShown = 50;
const anomaliesShown = 40;

export function Alerts() {
  useClock(1000);
  const alerts = useApp((s) => s.alerts);
  const loaded = useApp((s) => s.alertsLoaded);
  const tickMs = useApp((s) => s.tickMs);
  const live = useApp((s) => s.link.phase === 'live');
  const open = alerts.filter(isOpen).length;
  return (
    <Panel title="Alerts" name="alerts" className="alerts" stale={loaded && !live} count={loaded ? `${formatCount(open)} open` : undefined}
      side={<Freshness newestMs={tickMs} intervalMs={1000} />}>
      {!loaded && alerts.length === 0 ? <Skeleton rows={4} /> : alerts.length === 0 ? (
        <Empty>No alerts. They show here when a rule of an edge fires.</Empty>
      ) : (
        <div className="scroll" tabIndex={0} role="region" aria-label="List of alerts">
          <ul className="rows">{alerts.slice(0, alertsShown).map((a) => <AlertRow key={a.id} alert={a} />)}</ul>
          {alerts.length > alertsShown && <p className="more">{alertsShown} of {formatCount(alerts.length)}</p>}
        </div>
      )}
    </Panel>
  );
}

function AlertRow({ alert }: { alert: Alert }) {
  const utc = useApp((s) => s.utc);
  const open = isOpen(alert);
  return (
    <li className={`row${open ? '' : ' is-closed'}`} data-alert={alert.id}>
      <SeverityChip severity={alert.severity} muted={!open} />
      <div className="row-body">
        <p className="row-title">{alert.message || alert.rule}</p>
        <p className="row-sub">{alert.edge} · {alert.rule} · <SeriesName text={alert.text} /></p>
      </div>
      <div className="row-side">
        <p title="Value / limit"><b>{formatValue(alert.value)}</b> <span className="rest">/ {formatValue(alert.limit)}</span></p>
        <p title={`Since ${formatDateTime(alert.start_ms, utc)}`}>
          <StateWord state={alert.state} />{' '}
          <span className="rest">{open ? `for ${formatAge(serverNow() - alert.start_ms)}` : formatTime(alert.updated_ms, utc)}</span>
        </p>
      </div>
    </li>
  );
}

export function Anomalies() {
  const anomalies = useApp((s) => s.anomalies);
  const loaded = useApp((s) => s.anomaliesLoaded);
  const tickMs = useApp((s) => s.tickMs);
  const live = useApp((s) => s.link.phase === 'live');
  return (
    <Panel title="Recent anomalies" name="anomalies" className="anomalies" stale={loaded && !live}
      side={<Freshness newestMs={tickMs} intervalMs={1000} />}>
      {!loaded && anomalies.length === 0 ? <Skeleton rows={4} /> : anomalies.length === 0 ? (
        <Empty>Nothing unusual so far. A detector needs some history of a series before it judges it.</Empty>
      ) : (
        <div className="scroll" tabIndex={0} role="region" aria-label="List of anomalies">
          <ul className="rows">
            {anomalies.slice(0, anomaliesShown).map((a) => <AnomalyRow key={`${a.series}|${a.time_ms}|${a.model}`} anomaly={a} />)}
          </ul>
        </div>
      )}
    </Panel>
  );
}

function AnomalyRow({ anomaly }: { anomaly: Anomaly }) {
  const utc = useApp((s) => s.utc);
  const shown = useApp((s) => s.chosen.includes(anomaly.series));
  const select = (): void => {
    showSeries({ id: anomaly.series, edge: anomaly.edge, text: anomaly.text, width_ms: 0 });
    document.querySelector('[data-panel="series"]')?.scrollIntoView({ block: 'nearest' });
  };
  return (
    <li data-anomaly={anomaly.series}>
      <button type="button" className="row row-button" onClick={select} title={shown ? 'Its series is on the chart' : 'Show its series on the chart'}>
        <SeverityChip severity={anomaly.severity} />
        <span className="row-body">
          <span className="row-title"><SeriesName text={anomaly.text} /></span>
          <span className="row-sub">{anomaly.edge} · {anomaly.model}{shown ? ' · on the chart' : ''}</span>
        </span>
        <span className="row-side">
          <span className="line"><b>{formatValue(anomaly.value)}</b> <span className="rest">expected {formatValue(anomaly.expected)}</span></span>
          <span className="line rest">score {anomaly.score.toFixed(2)} · {formatTime(anomaly.time_ms, utc)}</span>
        </span>
      </button>
    </li>
  );
}
