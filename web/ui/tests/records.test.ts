import { describe, expect, it } from 'vitest';
import { isOpen, mergeAlerts, mergeAnomalies, newCriticals } from '../src/data/records';
import type { Alert, Anomaly } from '../src/data/wire';

const anomaly = (series: number, time_ms: number, score = 0.9): Anomaly => ({
  series, edge: 'edge-1', text: 'a{source="x"}', time_ms, value: 1, expected: 0, deviation: 9, score, severity: 'high', model: 'ewma/1',
});
const alert = (id: string, change: Partial<Alert> = {}): Alert => ({
  id, edge: 'edge-1', rule: 'r', text: 'a{source="x"}', state: 'firing', severity: 'high',
  start_ms: 100, updated_ms: 100, value: 1, limit: 0, message: 'm', ...change,
});

describe('mergeAnomalies', () => {
  it('puts the newest first and takes each once', () => {
    const have = mergeAnomalies([], [anomaly(1, 10), anomaly(2, 30)], 10);
    const all = mergeAnomalies(have, [anomaly(2, 30, 0.95), anomaly(1, 20)], 10);
    expect(all.map((a) => [a.series, a.time_ms])).toEqual([[2, 30], [1, 20], [1, 10]]);
    expect(all[0]!.score).toBe(0.95);
  });
  it('keeps the newest within the limit', () => {
    const all = mergeAnomalies([], [1, 2, 3, 4, 5].map((t) => anomaly(1, t)), 3);
    expect(all.map((a) => a.time_ms)).toEqual([5, 4, 3]);
  });
  it('gives the same list when nothing came, so that nothing is drawn again', () => {
    const have = [anomaly(1, 10)];
    expect(mergeAnomalies(have, [], 10)).toBe(have);
  });
});

describe('mergeAlerts', () => {
  it('shows open ones first, then the newest', () => {
    const all = mergeAlerts([], [
      alert('a', { start_ms: 10 }), alert('b', { start_ms: 40, state: 'resolved' }),
      alert('c', { start_ms: 30, state: 'recovering' }), alert('d', { start_ms: 20, state: 'pending' }),
    ], 10);
    expect(all.map((a) => a.id)).toEqual(['c', 'd', 'a', 'b']);
  });
  it('takes the newest transition of an alert, in whatever order they come', () => {
    const resolved = alert('a', { state: 'resolved', updated_ms: 200 });
    expect(mergeAlerts([alert('a')], [resolved], 10)).toEqual([resolved]);
    expect(mergeAlerts([resolved], [alert('a')], 10)).toEqual([resolved]);
  });
  it('drops resolved ones first when there are too many', () => {
    const all = mergeAlerts([], [alert('a', { state: 'resolved', start_ms: 900 }), alert('b'), alert('c')], 2);
    expect(all.map((a) => a.id)).toEqual(['b', 'c']);
  });
  it('counts pending, firing and recovering as open', () => {
    const states = (['inactive', 'pending', 'firing', 'recovering', 'resolved'] as const).filter((state) => isOpen(alert('a', { state })));
    expect(states).toEqual(['pending', 'firing', 'recovering']);
  });
});

describe('newCriticals', () => {
  it('names what newly fires critically, once', () => {
    const fire = alert('a', { severity: 'critical' });
    expect(newCriticals([], [fire, alert('b')])).toEqual([fire]);
    expect(newCriticals([fire], [{ ...fire, updated_ms: 300 }])).toEqual([]);
    expect(newCriticals([{ ...fire, state: 'pending' }], [fire])).toEqual([fire]);
    expect(newCriticals([], [{ ...fire, state: 'resolved' }])).toEqual([]);
  });
});
