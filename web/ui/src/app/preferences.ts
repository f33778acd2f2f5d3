// What the page remembers in this browser: theme and time zone. Storage may be blocked;
// then it simply forgets.
import { drawAll } from '../chart/draw_loop';
import { forgetColours } from '../chart/palette';
import { getState, setState, type ThemeChoice } from './state';

const themes: readonly ThemeChoice[] = ['system', 'dark', 'light'];
const systemDark = matchMedia('(prefers-color-scheme: dark)');

function load(name: string): string | null {
  try {
    return localStorage.getItem(`weir.${name}`);
  } catch {
    return null;
  }
}

function save(name: string, value: string): void {
  try {
    localStorage.setItem(`weir.${name}`, value);
  } catch {
    // See above.
  }
}

export function loadPreferences(): void {
  const theme = themes.find((t) => t === load('theme')) ?? 'system';
  setState({ theme, utc: load('zone') !== 'browser' });
  applyTheme();
  systemDark.addEventListener('change', applyTheme);
  matchMedia('(forced-colors: active)').addEventListener('change', applyTheme);
}

export function setTheme(theme: ThemeChoice): void {
  setState({ theme });
  save('theme', theme);
  applyTheme();
}

export function nextTheme(): void {
  setTheme(themes[(themes.indexOf(getState().theme) + 1) % themes.length]!);
}

export function setUtc(utc: boolean): void {
  setState({ utc });
  save('zone', utc ? 'utc' : 'browser');
  drawAll();
}

/** public/assets/theme.js did the same before the first paint. */
function applyTheme(): void {
  const { theme } = getState();
  const dark = theme === 'dark' || (theme === 'system' && systemDark.matches);
  document.documentElement.dataset['theme'] = dark ? 'dark' : 'light';
  setState({ dark });
  forgetColours();
  drawAll();
}
