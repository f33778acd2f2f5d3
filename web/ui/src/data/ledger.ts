// The ledger of an edge (web/API.md, "Ledger") as types, and its sums as lines of text.
// Pure.

export type Mode = 'memory_only' | 'journal_off' | 'disk_full' | 'memory_short';
export type Fate = 'stored' | 'coalesced' | 'expired' | 'shed' | 'unreadable' | 'missing';

export interface LedgerRange {
  first: number;
  last: number;
  fate: Fate;
  records: number;
  first_ms: number | null;
  last_ms: number | null;
}

export interface EpochLedger extends Record<Fate, number> {
  epoch: string;
  through_seq: number;
  lane_first: number;
  lane_through: number;
  sent: number;
  balanced: boolean;
  violations: number;
  violation: string;
  duplicate: number;
  gaps_refused: number;
  behind_seq: number;
  first_ms: number;
  last_ms: number;
  ranges: LedgerRange[];
  ranges_total: number;
}

export interface EventLedger {
  epoch: string;
  time_ms: number;
  balanced: boolean;
  modes: Mode[];
  received: number;
  taken: number;
  late: number;
  duplicate: number;
  quarantined: number;
  filtered: number;
  shed: number;
  held: number;
  in_flight: number;
  upstream_missing: number;
  upstream_recovered: number;
  upstream_restarts: number;
  violations: number;
  files_set_aside: number;
  journal_torn: number;
  journal_damaged: number;
}

export interface EpochChange {
  time_ms: number;
  cause: 'new_database' | 'renewed';
  old_epoch: string;
  new_epoch: string;
  old_through_seq: number;
  old_missing: number;
}

export interface EdgeLedger {
  edge: string;
  epochs: EpochLedger[];
  events: EventLedger | null;
  history: EpochChange[];
}

export interface Term {
  name: string;
  value: number;
  hint: string;
  /** What an operator would not want to see above 0. */
  loss: boolean;
}

/** The sum comes first, then its terms. */
export function recordTerms(x: EpochLedger): Term[] {
  return [
    { name: 'sent', value: x.sent, hint: 'Numbers that the edge has given to records', loss: false },
    { name: 'stored', value: x.stored, hint: 'In the store of the centre', loss: false },
    { name: 'coalesced', value: x.coalesced, hint: 'Windows that the edge merged into coarser ones; nothing in them is lost', loss: false },
    { name: 'expired', value: x.expired, hint: 'The edge had no more room for them', loss: true },
    { name: 'shed', value: x.shed, hint: 'The edge gave them up by priority', loss: true },
    { name: 'unreadable', value: x.unreadable, hint: 'Came, and nobody can read the bytes', loss: true },
    { name: 'missing', value: x.missing, hint: 'On the way or waiting at the edge; of an epoch that has ended, lost with its database', loss: false },
  ];
}

export function eventTerms(x: EventLedger): Term[] {
  return [
    { name: 'received', value: x.received, hint: 'Events from all sources of the edge', loss: false },
    { name: 'taken', value: x.taken, hint: 'In windows and detectors', loss: false },
    { name: 'late', value: x.late, hint: 'Came after their window had closed for good', loss: true },
    { name: 'duplicate', value: x.duplicate, hint: 'Had come before; counted once', loss: false },
    { name: 'quarantined', value: x.quarantined, hint: 'Could not be read or used; samples are in quarantine', loss: true },
    { name: 'filtered', value: x.filtered, hint: 'Let go by a filter, a sample or a conversion', loss: false },
    { name: 'shed', value: x.shed, hint: 'Refused because of overload', loss: true },
    { name: 'held', value: x.held, hint: 'Wait until the clock of the edge is believed', loss: false },
    { name: 'in flight', value: x.in_flight, hint: 'Between journal and window now', loss: false },
  ];
}

/** The sum minus its terms: 0 where the books balance. */
export function difference(terms: readonly Term[]): number {
  const [sum, ...rest] = terms;
  return (sum?.value ?? 0) - rest.reduce((total, term) => total + term.value, 0);
}

const modeTexts: Record<Mode, string> = {
  memory_only: 'works in memory only: its data directory cannot be written',
  journal_off: 'runs without a journal',
  disk_full: 'disk full: gives up its oldest records',
  memory_short: 'short of memory: its sources wait or shed',
};

/** What an edge cannot do now, in words; a mode of a newer edge as it is called. */
export function warningsOf(modes: readonly string[] | undefined, balanced: boolean | undefined): string[] {
  const warnings = (modes ?? []).map((mode) => modeTexts[mode as Mode] ?? mode);
  if (balanced === false) warnings.push('its events do not add up');
  return warnings;
}

export function causeText(cause: EpochChange['cause']): string {
  return cause === 'renewed' ? 'set back to an older database' : 'lost its database';
}
