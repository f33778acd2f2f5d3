// The state that the page is rendered from. Points of series are not in here: they live
// in typed arrays (live.ts) and reach the screen through the draw loop only.
import { create } from 'zustand';
import { initialLink, type Link } from '../data/link';
import type { Alert, Anomaly, Edge, SeriesInfo, Totals } from '../data/wire';

export type ThemeChoice = 'system' | 'dark' | 'light';

export const chosenMax = 6;
export const ranges = [
  { ms: 5 * 60_000, label: '5 min', name: '5 minutes' },
  { ms: 15 * 60_000, label: '15 min', name: '15 minutes' },
  { ms: 60 * 60_000, label: '1 h', name: '1 hour' },
  { ms: 6 * 60 * 60_000, label: '6 h', name: '6 hours' },
] as const;

export interface State {
  link: Link;
  /** Why a session is needed; null while signed in. */
  signedOut: string | null;
  version: string;
  totals: Totals | null;
  edges: readonly Edge[];
  /** Server time of the newest tick. */
  tickMs: number | null;
  alerts: readonly Alert[];
  alertsLoaded: boolean;
  anomalies: readonly Anomaly[];
  anomaliesLoaded: boolean;
  /** What is known about series, by id. */
  infos: ReadonlyMap<number, SeriesInfo>;
  chosen: readonly number[];
  /** True until the first choice (by link, by hand or by itself) was made. */
  choosing: boolean;
  rangeMs: number;
  /** Server time at which the view was paused, or null. */
  pausedAt: number | null;
  behind: number;
  theme: ThemeChoice;
  dark: boolean;
  utc: boolean;
  helpOpen: boolean;
  /** The edge whose ledger is open, or null. */
  ledgerOf: string | null;
  /** The newest complaint of the server, shown until dismissed. */
  notice: string | null;
  /** For screen readers: connection changes and new critical alerts only. */
  announcement: string;
}

export const useApp = create<State>()(() => ({
  link: initialLink,
  signedOut: null,
  version: '',
  totals: null,
  edges: [],
  tickMs: null,
  alerts: [],
  alertsLoaded: false,
  anomalies: [],
  anomaliesLoaded: false,
  infos: new Map(),
  chosen: [],
  choosing: true,
  rangeMs: ranges[0].ms,
  pausedAt: null,
  behind: 0,
  theme: 'system',
  dark: true,
  utc: true,
  helpOpen: false,
  ledgerOf: null,
  notice: null,
  announcement: '',
}));

export const getState = useApp.getState;
export const setState = useApp.setState;
