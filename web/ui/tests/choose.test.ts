import { describe, expect, it } from 'vitest';
import { interesting } from '../src/app/choose';
import type { Anomaly, SeriesInfo } from '../src/data/wire';

const series = (id: number, text: string, last_ms = 1_000_000): SeriesInfo => ({ id, edge: 'edge-1', text, width_ms: 5000, last_ms });
const anomaly = (id: number): Anomaly => ({
  series: id, edge: 'edge-1', text: '', time_ms: 0, value: 0, expected: 0, deviation: 0, score: 1, severity: 'high', model: 'ewma/1',
});

const all = [
  series(1, 'temperature{source="a"}'), series(2, 'temperature{source="b"}'), series(3, 'current{source="a"}'),
  series(4, 'rpm{source="a"}'), series(5, 'vibration{source="a"}', 100_000),
];

describe('interesting', () => {
  it('takes the first of each metric by text when nothing was conspicuous', () => {
    expect(interesting(all, [], 3)).toEqual([3, 4, 1]);
  });
  it('takes what was conspicuous lately first', () => {
    expect(interesting(all, [anomaly(2), anomaly(2), anomaly(1)], 3)).toEqual([2, 3, 4]);
  });
  it('fills up with series of the same metric when there are no others', () => {
    expect(interesting(all.slice(0, 2), [], 3)).toEqual([1, 2]);
  });
  it('shows the machine of the edge itself last', () => {
    expect(interesting([series(6, 'cpu_percent{source="edge-1"}'), ...all], [], 3)).toEqual([3, 4, 1]);
  });
  it('passes over a series that has fallen silent while others are fresh', () => {
    expect(interesting(all, [anomaly(5)], 4)).not.toContain(5);
  });
});
