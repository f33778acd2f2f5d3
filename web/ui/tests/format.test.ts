import { describe, expect, it } from 'vitest';
import * as f from '../src/format';

describe('format', () => {
  it.each([
    [0, '0'], [1.23456, '1.235'], [12.3456, '12.35'], [123.456, '123.5'], [12345.6, '12,346'], [1_234_567, '1.23 M'],
    [2.5e9, '2.5 G'], [0.012345, '0.0123'], [0.0001234, '1.23e-4'], [-5.5, '-5.5'], [NaN, '–'], [null, '–'], [1e15, '1.00e+15'],
  ])('value %s is %s', (x, text) => expect(f.formatValue(x)).toBe(text));

  it.each([[1_234_567, '1,234,567'], [2.5e9, '2.5 G'], [null, '–']])('total %s is %s', (x, text) => expect(f.formatTotal(x)).toBe(text));

  it.each([[41, '41'], [41.0003, '41.00'], [2.5, '2.500'], [0.5, '0.5000'], [123.44, '123.4'], [12345.6, '12,346'], [NaN, '–']])(
    'steadily %s is %s', (x, text) => expect(f.formatSteady(x)).toBe(text));

  it('cuts an age to its greatest unit', () => {
    expect(f.formatShortAge(192_000)).toBe('3 min');
    expect(f.formatShortAge(400)).toBe('0.4 s');
  });

  it.each([[0, '0'], [3.25, '3.3'], [1234.5, '1,235'], [1_240_000, '1.24 M'], [undefined, '–']])(
    'rate %s is %s', (x, text) => expect(f.formatRate(x)).toBe(text));

  it.each([
    [0, '0.0 s'], [400, '0.4 s'], [9940, '9.9 s'], [9960, '10 s'], [59_499, '59 s'], [59_600, '1 min'], [192_000, '3 min 12 s'],
    [7_500_000, '2 h 5 min'], [273_600_000, '3 d 4 h'], [-5, '0.0 s'], [null, '–'],
  ])('age %s is %s', (ms, text) => expect(f.formatAge(ms)).toBe(text));

  it.each([[84.4, '84 ms'], [1200, '1.2 s'], [-3, '0 ms'], [NaN, '–']])('lag %s is %s', (ms, text) => expect(f.formatLag(ms)).toBe(text));

  it.each([[0, '0 B'], [1023, '1,023 B'], [1536, '1.5 KiB'], [35_651_584, '34 MiB']])(
    'bytes %s are %s', (x, text) => expect(f.formatBytes(x)).toBe(text));

  it('writes times in 24 h, in UTC', () => {
    const ms = Date.UTC(2026, 2, 1, 14, 2, 11);
    expect(f.formatTime(ms, true)).toBe('14:02:11');
    expect(f.formatDateTime(ms, true)).toBe('2026-03-01 14:02:11');
    expect(f.formatAxisTime(ms, true, 60_000)).toBe('14:02');
    expect(f.formatAxisTime(ms, true, 15_000)).toBe('14:02:11');
  });

  it('takes a series text apart, source first, escapes resolved', () => {
    expect(f.splitSeriesText('temperature{line="a,b",source="m \\"1\\""}')).toEqual({
      metric: 'temperature', labels: [['source', 'm "1"'], ['line', 'a,b']],
    });
    expect(f.splitSeriesText('cpu')).toEqual({ metric: 'cpu', labels: [] });
    expect(f.shortSeries('temperature{source="m-01",line="4"}')).toEqual({ metric: 'temperature', rest: 'm-01 · line=4' });
  });
});
