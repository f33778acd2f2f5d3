import { describe, expect, it } from 'vitest';
import { SeriesWindow } from '../src/data/series_window';
import { planRequest } from '../src/data/subscription';

const now = 10_000_000;
const range = 300_000;

function held(coveredFrom: number | null, ...starts: number[]): { window: SeriesWindow; coveredFrom: number | null } {
  const window = new SeriesWindow(100);
  for (const s of starts) window.upsert(s, 1000, 1, 1, 1, 1);
  return { window, coveredFrom };
}

describe('planRequest', () => {
  it('asks for the whole range when nothing is there', () => {
    expect(planRequest(undefined, now, range, false)).toMatchObject({ from_ms: now - range, replace: true });
    expect(planRequest(held(null), now, range, true)).toMatchObject({ from_ms: now - range, replace: true });
  });

  it('asks for nothing when the range is covered', () => {
    expect(planRequest(held(now - range, now - 1000), now + 60_000, range, false)).toBeNull();
    expect(planRequest(held(now - range, now - 1000), now, range / 3, false)).toBeNull();
  });

  it('asks for the whole range when it was widened', () => {
    expect(planRequest(held(now - range, now - 1000), now, 4 * range, false)).toMatchObject({ from_ms: now - 4 * range, replace: true });
  });

  it('asks from the newest point on after a reconnect, and merges', () => {
    const plan = planRequest(held(now - range, now - 9000, now - 8000), now, range, true);
    expect(plan).toMatchObject({ from_ms: now - 8000, replace: false });
  });

  it('starts over when the gap is longer than the range', () => {
    const plan = planRequest(held(now - 3 * range, now - 2 * range), now, range, true);
    expect(plan).toMatchObject({ from_ms: now - range, replace: true });
  });
});
