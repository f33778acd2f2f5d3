// Finding series: the server searches, the list shows what it found. A combobox with a
// list box of several choices.
import { useEffect, useId, useRef, useState } from 'react';
import { toggleChosen } from '../app/controller';
import { api, ApiError } from '../app/api';
import { chosenMax, useApp } from '../app/state';
import type { SeriesInfo } from '../data/wire';
import { SeriesName } from './parts';

const limit = 50;
const patienceMs = 150;

interface Found { series: readonly SeriesInfo[]; truncated: boolean; error: string | null }

/** What the server finds for `text`, asked only when typing rests. */
function useSearch(text: string, open: boolean): Found | null {
  const [found, setFound] = useState<Found | null>(null);
  useEffect(() => {
    if (!open) return;
    let wanted = true;
    const timer = setTimeout(() => {
      api.series(text.trim(), limit).then(
        (r) => wanted && setFound({ series: r.series, truncated: r.truncated, error: null }),
        (e: unknown) => wanted && setFound({ series: [], truncated: false, error: e instanceof ApiError ? e.message : String(e) }),
      );
    }, patienceMs);
    return () => {
      wanted = false;
      clearTimeout(timer);
    };
  }, [text, open]);
  return found;
}

export function Picker() {
  const [text, setText] = useState('');
  const [open, setOpen] = useState(false);
  const [active, setActive] = useState(0);
  const chosen = useApp((s) => s.chosen);
  const found = useSearch(text, open);
  const list = useRef<HTMLUListElement>(null);
  const box = useRef<HTMLDivElement>(null);
  const id = useId();
  const series = found?.series ?? [];
  const full = chosen.length >= chosenMax;

  useEffect(() => {
    list.current?.children[active]?.scrollIntoView({ block: 'nearest' });
  }, [active]);

  const onKeyDown = (e: { key: string; preventDefault(): void }): void => {
    if (e.key === 'Escape') {
      if (text !== '') setText('');
      setOpen(false);
    } else if (e.key === 'ArrowDown' || e.key === 'ArrowUp') {
      e.preventDefault();
      setOpen(true);
      const by = e.key === 'ArrowDown' ? 1 : -1;
      setActive((a) => Math.max(0, Math.min(series.length - 1, a + by)));
    } else if (e.key === 'Enter') {
      e.preventDefault();
      const info = open ? series[active] : undefined;
      if (info) toggleChosen(info);
    }
  };

  return (
    <div className="picker" ref={box}
      onBlur={(e) => !box.current?.contains(e.relatedTarget as Node | null) && setOpen(false)}>
      <input type="search" id="series-search" role="combobox" aria-expanded={open} aria-controls={`${id}-list`} aria-autocomplete="list"
        aria-activedescendant={open && series[active] ? `${id}-${active}` : undefined} aria-label="Find series" aria-keyshortcuts="/"
        placeholder="Find series  ( / )" autoComplete="off" spellCheck={false} value={text}
        onFocus={() => setOpen(true)} onClick={() => setOpen(true)} onKeyDown={onKeyDown}
        onInput={(e) => {
          setText(e.currentTarget.value);
          setActive(0);
          setOpen(true);
        }} />
      <div className="picker-drop" hidden={!open}>
        <ul id={`${id}-list`} role="listbox" aria-multiselectable="true" aria-label="Series" ref={list}>
          {series.map((info, i) => {
            const on = chosen.includes(info.id);
            return (
              // A press must not take the focus off the field, which would close the list.
              <li key={info.id} id={`${id}-${i}`} role="option" aria-selected={on} aria-disabled={!on && full}
                className={`${i === active ? 'is-active' : ''}${!on && full ? ' is-off' : ''}`} onMouseDown={(e) => e.preventDefault()}
                onClick={() => { setActive(i); toggleChosen(info); }}>
                <span className="tick" aria-hidden="true">{on ? '✓' : ''}</span>
                <SeriesName text={info.text} edge={info.edge} />
              </li>
            );
          })}
        </ul>
        <p className="picker-foot">
          {found?.error ?? (found === null ? 'Searching' : series.length === 0 ? 'No series matches.' : found.truncated ? `The first ${series.length}; type more to narrow it down.` : `${series.length} found.`)}
          {' '}{full ? `${chosenMax} of ${chosenMax} chosen: remove one first.` : `${chosen.length} of ${chosenMax} chosen.`}
        </p>
      </div>
    </div>
  );
}
