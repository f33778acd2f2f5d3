// The ledger of one edge: where everything it was given and everything it sent has gone.
import { useEffect, useId, useRef, useState } from 'react';
import { api, ApiError } from '../app/api';
import { serverNow } from '../app/live';
import { setState, useApp } from '../app/state';
import { causeText, difference, eventTerms, recordTerms, warningsOf, type EdgeLedger, type EpochLedger, type EventLedger, type Term } from '../data/ledger';
import { formatCount, formatDateTime, formatTotal } from '../format';
import { Empty, Freshness, Icon, Skeleton } from './parts';

const everyMs = 5000;
const rangesShown = 100;

export function Ledger() {
  const edge = useApp((s) => s.ledgerOf);
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    if (edge !== null && !dialog.current?.open) dialog.current?.showModal();
    if (edge === null && dialog.current?.open) dialog.current.close();
  }, [edge]);
  const close = (): void => setState({ ledgerOf: null });
  return (
    <dialog ref={dialog} className="ledger" aria-labelledby="ledger-title" onClose={close}
      onClick={(e) => e.target === dialog.current && close()}>
      {edge !== null && <Content key={edge} edge={edge} close={close} />}
    </dialog>
  );
}

function Content({ edge, close }: { edge: string; close: () => void }) {
  const edges = useApp((s) => s.edges);
  const { data, error, atMs } = useLedger(edge);
  return (
    <div className="ledger-body">
      <header className="panel-head">
        <h2 id="ledger-title">Ledger of {edge}</h2>
        <div className="panel-side">
          <Freshness newestMs={atMs} intervalMs={everyMs} />
          <label>
            <span className="sr-only">Edge</span>
            <select value={edge} onChange={(e) => setState({ ledgerOf: e.currentTarget.value })}>
              {edges.map((x) => <option key={x.name} value={x.name}>{x.name}</option>)}
            </select>
          </label>
          <button type="button" className="button" onClick={close}>Close</button>
        </div>
      </header>
      {error !== '' && <p className="form-error" role="alert">{error} {data ? 'What you see is older.' : ''}</p>}
      <div className="ledger-scroll" tabIndex={0} role="region" aria-labelledby="ledger-title" data-stale={error !== '' && data ? '' : undefined}>
        {data ? <Books data={data} /> : error === '' && <Skeleton rows={6} />}
      </div>
    </div>
  );
}

/** Asks again while it is open; what came last stays when the server does not answer. */
function useLedger(edge: string) {
  const [state, setLedger] = useState<{ data: EdgeLedger | null; error: string; atMs: number | null }>({ data: null, error: '', atMs: null });
  useEffect(() => {
    let over = false;
    const ask = async (): Promise<void> => {
      try {
        const data = await api.ledger(edge, rangesShown);
        if (!over) setLedger({ data, error: '', atMs: serverNow() });
      } catch (error) {
        if (!over) setLedger((before) => ({ ...before, error: error instanceof ApiError ? error.message : String(error) }));
      }
    };
    void ask();
    const timer = setInterval(() => void ask(), everyMs);
    return () => {
      over = true;
      clearInterval(timer);
    };
  }, [edge]);
  return state;
}

function Books({ data }: { data: EdgeLedger }) {
  return (
    <>
      <Events events={data.events} />
      {data.epochs.length === 0 && <Empty>No record of this edge has come yet.</Empty>}
      {data.epochs.map((epoch, i) => <Epoch key={epoch.epoch} epoch={epoch} newest={i === 0} />)}
      <History data={data} />
    </>
  );
}

function Events({ events }: { events: EventLedger | null }) {
  const utc = useApp((s) => s.utc);
  if (!events) return <Empty>The edge has not told its own ledger yet: it is too old to, or has not connected.</Empty>;
  const warnings = warningsOf(events.modes, undefined);
  const terms = eventTerms(events);
  return (
    <section aria-labelledby="ledger-events" data-ledger="events">
      <h3 id="ledger-events">Events <span className="rest">as the edge counts them over its restarts, {formatDateTime(events.time_ms, utc)}</span></h3>
      {warnings.length > 0 && <Warnings list={warnings} />}
      <Sum terms={terms} balanced={events.balanced} caption="Events: received and what became of them" />
      <ul className="ledger-notes">
        {events.upstream_missing > 0 && <li>{formatTotal(events.upstream_missing)} never came from sources that number their events{
          events.upstream_recovered > 0 ? `; ${formatTotal(events.upstream_recovered)} more came after all` : ''}</li>}
        {events.upstream_restarts > 0 && <li>{formatCount(events.upstream_restarts)} times a source began to count anew</li>}
        {events.violations > 0 && <li>{formatCount(events.violations)} checks at the edge have failed</li>}
        {events.files_set_aside > 0 && <li>{formatCount(events.files_set_aside)} damaged files were set aside</li>}
        {events.journal_torn + events.journal_damaged > 0 && <li>the journal was cut {formatCount(events.journal_torn)} times at its end and had {
          formatCount(events.journal_damaged)} damaged records</li>}
      </ul>
      <Reasons />
    </section>
  );
}

/** What is in quarantine, by reason, since the edge's start. */
function Reasons() {
  const edge = useApp((s) => s.edges.find((x) => x.name === s.ledgerOf));
  const reasons = Object.entries(edge?.rejected_by_reason ?? {}).filter(([, count]) => count > 0);
  if (reasons.length === 0) return null;
  return <p className="span-note">Refused since the edge’s start: {reasons.map(([reason, count]) => `${reason.replaceAll('_', ' ')} ${formatTotal(count)}`).join(', ')}.</p>;
}

function Epoch({ epoch, newest }: { epoch: EpochLedger; newest: boolean }) {
  const id = useId();
  const behind = epoch.lane_first > 0;
  return (
    <section aria-labelledby={id} data-ledger="records">
      <h3 id={id}>Records <span className="rest">epoch {epoch.epoch}{newest ? '' : ', ended'}</span></h3>
      <Sum terms={recordTerms(epoch)} balanced={epoch.balanced} caption={`Records of epoch ${epoch.epoch}: sent and what became of them`} />
      <ul className="ledger-notes">
        {epoch.violation !== '' && <li className="is-bad">{epoch.violation}</li>}
        {behind && <li>a backlog is on its way: new data stands at {formatTotal(epoch.lane_through)}, the backlog at {formatTotal(epoch.through_seq)} of {
          formatTotal(epoch.lane_first - 1)}</li>}
        {epoch.duplicate > 0 && <li>{formatTotal(epoch.duplicate)} came more than once and are stored once</li>}
        {epoch.behind_seq > 0 && <li>the edge once said that it had sent {formatTotal(epoch.behind_seq)} numbers only: its database was set back</li>}
      </ul>
      <Ranges epoch={epoch} />
    </section>
  );
}

function Sum({ terms, balanced, caption }: { terms: Term[]; balanced: boolean; caption: string }) {
  const gap = difference(terms);
  return (
    <>
      <table className="sum">
        <caption className="sr-only">{caption}</caption>
        <tbody>
          {terms.map((term, i) => (
            <tr key={term.name} title={term.hint} className={term.loss && term.value > 0 ? 'is-loss' : undefined}>
              <td className="sum-sign" aria-hidden="true">{i === 0 ? '' : i === 1 ? '=' : '+'}</td>
              <td className="sum-value">{formatTotal(term.value)}</td>
              <th scope="row">{term.name}{term.loss && term.value > 0 && <Icon shape="triangle" />}<span className="rest"> {term.hint}</span></th>
            </tr>
          ))}
        </tbody>
      </table>
      <p className={`verdict ${balanced ? 'is-ok' : 'is-bad'}`} data-balance={balanced ? 'ok' : 'violated'}>
        <Icon shape={balanced ? 'circle' : 'octagon'} />
        {balanced ? 'Balance: ok' : `Balance: violated${gap === 0 ? ', a check has failed before' : `, ${formatTotal(Math.abs(gap))} ${gap > 0 ? 'unaccounted for' : 'too many'}`}`}
      </p>
    </>
  );
}

function Ranges({ epoch }: { epoch: EpochLedger }) {
  const utc = useApp((s) => s.utc);
  const time = (ms: number | null): string => (ms ? formatDateTime(ms, utc) : '–');
  if (epoch.ranges.length === 0) return null;
  return (
    <details className="as-table">
      <summary>Ranges of numbers, newest first</summary>
      <table className="points">
        <caption>{epoch.ranges_total > rangesShown ? `The newest ${rangesShown} of ${formatCount(epoch.ranges_total)}; weir ledger shows more` : 'All that are kept'}</caption>
        <thead><tr><th scope="col">Numbers</th><th scope="col">Fate</th><th scope="col">Records</th><th scope="col">First came</th><th scope="col">Last came</th></tr></thead>
        <tbody>
          {epoch.ranges.map((x) => (
            <tr key={x.first}>
              <th scope="row">{formatTotal(x.first)} – {formatTotal(x.last)}</th>
              <td>{x.fate}</td><td>{formatTotal(x.records)}</td><td>{time(x.first_ms)}</td><td>{time(x.last_ms)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </details>
  );
}

function History({ data }: { data: EdgeLedger }) {
  const utc = useApp((s) => s.utc);
  if (data.history.length === 0) return null;
  return (
    <section aria-labelledby="ledger-history" data-ledger="history">
      <h3 id="ledger-history">Counted anew</h3>
      <ul className="ledger-notes">
        {data.history.map((x) => (
          <li key={x.new_epoch}>{formatDateTime(x.time_ms, utc)}: {causeText(x.cause)}; epoch {x.old_epoch} ended at {formatTotal(x.old_through_seq)}{
            x.old_missing > 0 ? `, ${formatTotal(x.old_missing)} of its records never came` : ', nothing of it is missing'}</li>
        ))}
      </ul>
    </section>
  );
}

export function Warnings({ list }: { list: readonly string[] }) {
  return <ul className="warnings">{list.map((text) => <li key={text}><Icon shape="octagon" />{text}</li>)}</ul>;
}
