// The part of the address behind '#': it never reaches a server's log. A one-time token
// comes in through it; what is shown goes out, so that the address can be sent to others.
import { chosenMax, ranges } from './state';

const parameters = (): URLSearchParams => new URLSearchParams(location.hash.slice(1));

/** The token of a sign-in link, taken out of the address at once. */
export function takeToken(): string | null {
  const wanted = parameters();
  const token = wanted.get('token');
  if (token === null) return null;
  wanted.delete('token');
  replaceHash(wanted);
  return token;
}

export function readAddress(): { chosen: number[]; rangeMs: number | null } {
  const wanted = parameters();
  const chosen = (wanted.get('s') ?? '').split(',').map(Number).filter((id) => Number.isInteger(id) && id > 0);
  const seconds = Number(wanted.get('r'));
  const range = ranges.find((r) => r.ms === seconds * 1000);
  return { chosen: chosen.slice(0, chosenMax), rangeMs: range?.ms ?? null };
}

export function writeAddress(chosen: readonly number[], rangeMs: number): void {
  const wanted = parameters();
  if (chosen.length > 0) wanted.set('s', chosen.join(','));
  else wanted.delete('s');
  wanted.set('r', String(rangeMs / 1000));
  replaceHash(wanted);
}

function replaceHash(wanted: URLSearchParams): void {
  const text = wanted.toString().replaceAll('%2C', ',');
  // replaceState does not fire hashchange, so that this never comes back to us.
  history.replaceState(null, '', text === '' ? location.pathname : `#${text}`);
}
