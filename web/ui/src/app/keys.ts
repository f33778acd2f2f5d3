// Keys that work anywhere on the page, but never while something is being typed.
import { setRange, togglePause } from './controller';
import { nextTheme } from './preferences';
import { getState, ranges, setState } from './state';

export function listenToKeys(): void {
  document.addEventListener('keydown', (e) => {
    if (e.ctrlKey || e.metaKey || e.altKey || e.defaultPrevented || document.querySelector('dialog[open]')) return;
    const at = e.target as HTMLElement;
    if (at.closest('input, textarea, select, [contenteditable]')) return;
    if (run(e.key, at)) e.preventDefault();
  });
}

function run(key: string, at: HTMLElement): boolean {
  switch (key) {
    case ' ':
      // On a control the space bar is the control's; but one in the dialog that was just
      // closed may still have the focus for a moment.
      if (at.closest('button, a, summary, [role="option"]') && !at.closest('dialog')) return false;
      togglePause();
      return true;
    case '/':
      document.getElementById('series-search')?.focus();
      return true;
    case '?':
      setState({ helpOpen: true });
      return true;
    case 'l': {
      const first = getState().edges[0];
      if (first) setState({ ledgerOf: first.name });
      return true;
    }
    case 't':
      nextTheme();
      return true;
    case '[':
    case ']': {
      const now = ranges.findIndex((r) => r.ms === getState().rangeMs);
      const next = ranges[now + (key === ']' ? 1 : -1)];
      if (next) setRange(next.ms);
      return true;
    }
    default:
      return false;
  }
}
