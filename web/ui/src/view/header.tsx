// The bar at the top: is what I see live, which time is it there, what do I look at.
import { useState } from 'react';
import { retryNow, setRange, togglePause } from '../app/controller';
import { clock, serverNow } from '../app/live';
import { setTheme, setUtc } from '../app/preferences';
import { ranges, setState, useApp, type ThemeChoice } from '../app/state';
import { formatAge, formatCount, formatDateTime, formatTime } from '../format';
import { Icon, useClock } from './parts';

/** `bare`: before there is anything to look at. */
export function Header({ bare }: { bare: boolean }) {
  return (
    <header className="top">
      <div className="brand">
        <svg viewBox="0 0 32 32" width="24" height="24" aria-hidden="true">
          <path className="brand-wave" d="M3 10c3 0 3 3.4 6.5 3.4S13 10 16 10s3 3.4 6.5 3.4S26 10 29 10" />
          <path className="brand-dam" d="M4 22h24M10 17.5v9M22 17.5v9" />
        </svg>
        <h1>Weir</h1>
      </div>
      <ConnectionState />
      <div className="top-controls">
        {!bare && <><RangeButtons /><PauseButton /><ServerTime /></>}
        <ThemeSwitch />
        <button type="button" className="button square" aria-keyshortcuts="?" title="Keyboard shortcuts (?)"
          onClick={() => setState({ helpOpen: true })}>
          <span aria-hidden="true">?</span><span className="sr-only">Keyboard shortcuts</span>
        </button>
      </div>
    </header>
  );
}

function ConnectionState() {
  const link = useApp((s) => s.link);
  const lag = useApp((s) => s.totals?.lag_p99_ms ?? 0);
  const live = link.phase === 'live';
  const text = live ? 'Live' : link.phase === 'stale' ? 'Stale' : link.phase === 'connecting' ? 'Connecting'
    : link.phase === 'signed_out' ? 'Signed out' : 'Disconnected';
  const detail = live ? `${formatAge(lag + clock.delayMs)} lag` : link.lostAt !== null && link.attempt > 0 ? `reconnecting, try ${link.attempt}` : '';
  return (
    <p className={`connection ${live ? 'is-live' : 'is-not-live'}`} data-connection={link.phase}
      title="Lag: from the end of a window at the edge to this screen, 99 of 100 windows">
      <Icon shape={live ? 'circle' : link.phase === 'connecting' || link.phase === 'signed_out' ? 'ring' : 'triangle'} />
      <strong>{text}</strong>
      {detail !== '' && <span className="connection-detail"><span aria-hidden="true">·</span> {detail}</span>}
    </p>
  );
}

function ServerTime() {
  useClock(1000);
  const utc = useApp((s) => s.utc);
  const known = useApp((s) => s.tickMs !== null);
  return (
    <div className="server-time">
      <time title="The server's time">{known ? formatTime(serverNow(), utc) : '--:--:--'}</time>
      <button type="button" className="button" onClick={() => setUtc(!utc)}
        title={utc ? 'Times are UTC; switch to this browser’s zone' : 'Times are in this browser’s zone; switch to UTC'}>
        <span className="sr-only">Time zone: </span>{utc ? 'UTC' : 'Local'}
      </button>
    </div>
  );
}

function RangeButtons() {
  const rangeMs = useApp((s) => s.rangeMs);
  return (
    <div className="segmented" role="group" aria-label="Time range of the charts">
      {ranges.map((r) => (
        <button key={r.ms} type="button" aria-pressed={r.ms === rangeMs} title={`Show the last ${r.name}`} onClick={() => setRange(r.ms)}>
          {r.label}
        </button>
      ))}
    </div>
  );
}

function PauseButton() {
  const paused = useApp((s) => s.pausedAt !== null);
  const behind = useApp((s) => s.behind);
  return (
    <button type="button" className={`button pause${paused ? ' is-on' : ''}`} aria-pressed={paused} aria-keyshortcuts="Space"
      title="Freezes the charts; data keeps coming in (space)" onClick={togglePause}>
      {paused ? `Paused, ${formatCount(behind)} behind` : 'Pause'}
    </button>
  );
}

const themeNames: [ThemeChoice, string][] = [['system', 'System'], ['dark', 'Dark'], ['light', 'Light']];

function ThemeSwitch() {
  const theme = useApp((s) => s.theme);
  return (
    <label className="theme-switch">
      <span className="sr-only">Theme</span>
      <select value={theme} title="Theme (t)" onChange={(e) => setTheme(e.currentTarget.value as ThemeChoice)}>
        {themeNames.map(([value, name]) => <option key={value} value={value}>{name}</option>)}
      </select>
    </label>
  );
}

/** Under the bar while the connection is down. What is shown stays, and says how old it is. */
export function Stripe() {
  useClock(500);
  const link = useApp((s) => s.link);
  const tickMs = useApp((s) => s.tickMs);
  const utc = useApp((s) => s.utc);
  if (link.lostAt === null || link.phase === 'live' || link.phase === 'signed_out') return null;
  const age = Math.max(0, Date.now() - link.lostAt);
  return (
    <div className="stripe" data-stripe>
      <Icon shape="triangle" />
      <p>
        {tickMs === null
          ? 'The server does not answer yet'
          : `No connection. Last data ${formatTime(tickMs, utc)} (${formatAge(age)} ago)`}
        , reconnecting{link.attempt > 0 ? `, try ${link.attempt}` : ''}. What you see is kept, and the gap is filled when it is back.
      </p>
      <button type="button" className="button" onClick={retryNow}>Try now</button>
    </div>
  );
}

export function Notice() {
  const notice = useApp((s) => s.notice);
  const [shownAt] = useState(() => Date.now());
  if (notice === null) return null;
  return (
    <div className="stripe notice" title={formatDateTime(shownAt, true)}>
      <Icon shape="diamond" />
      <p>{notice}</p>
      <button type="button" className="button" onClick={() => setState({ notice: null })}>Dismiss</button>
    </div>
  );
}
