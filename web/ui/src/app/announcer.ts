// One message in 5 s at most reaches the live region: a flapping link must not flood
// a screen reader. Of several waiting ones the newest counts.
import { setState } from './state';

const everyMs = 5000;
let lastAt = -everyMs;
let waiting: string | null = null;

export function announce(text: string): void {
  const due = lastAt + everyMs - performance.now();
  if (due <= 0) return say(text);
  if (waiting === null) setTimeout(() => waiting !== null && say(waiting), due);
  waiting = text;
}

function say(text: string): void {
  waiting = null;
  lastAt = performance.now();
  setState({ announcement: text });
}
