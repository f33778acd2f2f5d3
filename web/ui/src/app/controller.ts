// Ties the parts together: what comes from the server goes into live.ts and the state,
// what the operator does goes to the server.
import { drawAll, drawSeries } from '../chart/draw_loop';
import { mergeAlerts, mergeAnomalies, newCriticals } from '../data/records';
import { planRequest } from '../data/subscription';
import type { Link } from '../data/link';
import type { Alert, Anomaly, DeltaFrame, Frame, SeriesInfo, SnapFrame, TickFrame } from '../data/wire';
import { announce } from './announcer';
import { api, ApiError } from './api';
import { interesting } from './choose';
import { clock, dropSeries, held, holdSeries, putPoints, putRates, putSnapshot, serverNow } from './live';
import { readAddress, takeToken, writeAddress } from './address';
import { LiveSocket } from './socket';
import { chosenMax, getState, setState } from './state';

const anomaliesMax = 2000;
const alertsMax = 500;
const autoChoose = 3;

/** What was asked for and has not been answered, by subscription (= series) id. */
const pending = new Map<number, { from_ms: number; replace: boolean }>();
const subscribed = new Set<number>();

const socket = new LiveSocket({ frame: onFrame, link: onLink, subscribe: onConnected, probe });

export const retryNow = (): void => socket.retryNow();

/** Reads the address, signs in with a token if there is one, and connects. */
export async function start(): Promise<void> {
  adoptAddress();
  window.addEventListener('hashchange', () => {
    const token = takeToken();
    if (token) void signIn(token);
    else adoptAddress();
  });
  setInterval(drawAll, 1000); // Time moves on, also without data.
  const token = takeToken();
  if (token) await signIn(token);
  else connect();
}

/** A token, or the whole link that `weir link` prints. True when it was taken. */
export async function signIn(text: string): Promise<boolean> {
  const token = /token=([^&\s]+)/.exec(text)?.[1] ?? text.trim();
  try {
    await api.signIn(decodeURIComponent(token));
  } catch (error) {
    // A used link is no harm for who has a session already.
    if (!(await probe())) {
      connect();
      return true;
    }
    socket.deny();
    setState({ signedOut: error instanceof ApiError ? error.message : String(error) });
    return false;
  }
  connect();
  return true;
}

function connect(): void {
  setState({ signedOut: null });
  socket.start();
  void loadLists();
}

async function probe(): Promise<boolean> {
  try {
    await api.overview();
    return false;
  } catch (error) {
    return error instanceof ApiError && error.status === 401;
  }
}

/** The first picture, and again after each reconnect: what no delta has told us. */
async function loadLists(): Promise<void> {
  const results = await Promise.allSettled([
    api.overview().then((o) => getState().tickMs ?? setState({ totals: o.totals, edges: o.edges })),
    api.alerts().then((a) => {
      putAlerts(a, false);
      setState({ alertsLoaded: true });
    }),
    api.anomalies().then((a) => {
      putAnomalies(a);
      setState({ anomaliesLoaded: true });
    }),
  ]);
  for (const r of results)
    if (r.status === 'rejected' && r.reason instanceof ApiError && r.reason.status === 401) socket.deny();
  if (getState().choosing) await chooseByItself();
}

// --- from the server -------------------------------------------------------------------

function onLink(link: Link): void {
  const before = getState().link;
  setState({ link });
  if (link.phase === 'signed_out') setState({ signedOut: getState().signedOut ?? '' });
  const down = link.phase === 'waiting' || link.phase === 'stale';
  if (link.phase === 'live' && before.phase !== 'live') announce(before.lostAt ? 'Connected again.' : 'Live.');
  else if (down && before.phase === 'live') announce('Connection lost. Reconnecting.');
  drawAll();
}

function onConnected(): void {
  subscribed.clear();
  pending.clear();
  subscribeChosen(true);
  if (getState().link.lostAt !== null) void loadLists();
}

function onFrame(frame: Frame, localMs: number): void {
  if ('server_ms' in frame) clock.onFrame(frame.server_ms, localMs);
  switch (frame.t) {
    case 'hello':
      setState({ version: frame.version });
      return;
    case 'tick':
      return onTick(frame);
    case 'snap':
      return onSnap(frame);
    case 'delta':
      return onDelta(frame);
    case 'error':
      if (frame.id !== null) pending.delete(frame.id);
      setState({ notice: frame.message });
  }
}

function onTick(frame: TickFrame): void {
  putRates(frame.server_ms, frame.totals, frame.edges);
  setState({ totals: frame.totals, edges: frame.edges, tickMs: frame.server_ms, behind: behindCount });
  drawAll();
  if (getState().choosing && frame.totals.series > 0) void chooseByItself();
}

function onSnap(frame: SnapFrame): void {
  const asked = pending.get(frame.id);
  pending.delete(frame.id);
  if (!getState().chosen.includes(frame.id)) return; // Removed while it was on its way.
  const infos = new Map(getState().infos);
  for (const s of frame.series) {
    putSnapshot(s, asked?.from_ms ?? serverNow(), asked?.replace ?? false);
    infos.set(s.id, { id: s.id, edge: s.edge, text: s.text, width_ms: infos.get(s.id)?.width_ms ?? s.width_ms });
  }
  setState({ infos });
  putAnomalies(frame.anomalies);
  if (frame.missing.length > 0) {
    setState({ notice: `This server has no series ${frame.missing.join(', ')}; the link may be of another one.` });
    setChosen(getState().chosen.filter((id) => !frame.missing.includes(id)));
  }
  for (const s of frame.series) drawSeries(s.id);
}

let behindCount = 0;

function onDelta(frame: DeltaFrame): void {
  const changed = putPoints(frame);
  if (getState().pausedAt !== null) behindCount += frame.points.length;
  putAnomalies(frame.anomalies);
  putAlerts(frame.alerts, true);
  for (const id of changed) drawSeries(id);
  for (const a of frame.anomalies) drawSeries(a.series);
}

function putAnomalies(incoming: readonly Anomaly[]): void {
  const have = getState().anomalies;
  const merged = mergeAnomalies(have, incoming, anomaliesMax);
  if (merged !== have) setState({ anomalies: merged });
}

function putAlerts(incoming: readonly Alert[], live: boolean): void {
  const have = getState().alerts;
  const merged = mergeAlerts(have, incoming, alertsMax);
  if (merged === have) return;
  const first = live ? newCriticals(have, incoming)[0] : undefined;
  setState({ alerts: merged });
  if (first) announce(`Critical alert on ${first.edge}: ${first.message}`);
}

// --- what is shown ---------------------------------------------------------------------

function adoptAddress(): void {
  const wanted = readAddress();
  if (wanted.rangeMs !== null) setRange(wanted.rangeMs);
  if (wanted.chosen.length > 0) setChosen(wanted.chosen);
}

/** Shows exactly these series, at most six. */
export function setChosen(ids: readonly number[]): void {
  const chosen = [...new Set(ids)].slice(0, chosenMax);
  dropSeries(chosen);
  for (const id of chosen) holdSeries(id);
  setState({ chosen, choosing: false });
  writeAddress(chosen, getState().rangeMs);
  for (const id of subscribed) {
    if (chosen.includes(id)) continue;
    subscribed.delete(id);
    pending.delete(id);
    socket.post({ op: 'unsub', id });
  }
  subscribeChosen(false);
}

export function toggleChosen(info: SeriesInfo): void {
  const { chosen } = getState();
  if (chosen.includes(info.id)) return setChosen(chosen.filter((id) => id !== info.id));
  if (chosen.length >= chosenMax) return;
  rememberInfos([info]);
  setChosen([...chosen, info.id]);
}

/** Makes sure that a series is on the screen; the oldest choice makes room. */
export function showSeries(info: SeriesInfo): void {
  const { chosen } = getState();
  rememberInfos([info]);
  if (!chosen.includes(info.id)) setChosen([...chosen.slice(chosen.length >= chosenMax ? 1 : 0), info.id]);
}

export function rememberInfos(list: readonly SeriesInfo[]): void {
  const infos = new Map(getState().infos);
  for (const info of list) if (info.width_ms > 0 || !infos.has(info.id)) infos.set(info.id, info);
  setState({ infos });
}

export function setRange(rangeMs: number): void {
  setState({ rangeMs });
  writeAddress(getState().chosen, rangeMs);
  subscribeChosen(false);
  drawAll();
}

export function togglePause(): void {
  behindCount = 0;
  setState({ pausedAt: getState().pausedAt === null ? serverNow() : null, behind: 0 });
  drawAll();
}

/** One subscription per series, so that each is asked only for what it lacks. */
function subscribeChosen(reconnected: boolean): void {
  const { chosen, rangeMs } = getState();
  const now = clock.known ? serverNow() : Date.now();
  for (const id of chosen) {
    if (pending.has(id) && pending.get(id)!.from_ms <= now - rangeMs) continue;
    const plan = planRequest(held.get(id), now, rangeMs, reconnected || !subscribed.has(id));
    if (!plan) continue;
    const { from_ms, max_points, replace } = plan;
    if (!socket.post({ op: 'sub', id, series: [id], from_ms, max_points })) return; // Comes with the connection.
    subscribed.add(id);
    pending.set(id, { from_ms, replace });
  }
}

let choosingNow = false;

/** With nothing chosen: what was conspicuous lately, then what is fresh, of different metrics. */
async function chooseByItself(): Promise<void> {
  if (choosingNow) return;
  choosingNow = true;
  try {
    const { series } = await api.series('', 200);
    if (!getState().choosing || series.length === 0) return;
    rememberInfos(series);
    setChosen(interesting(series, getState().anomalies, autoChoose));
  } catch {
    // The next tick tries again.
  } finally {
    choosingNow = false;
  }
}
