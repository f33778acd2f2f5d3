import { encode } from '@msgpack/msgpack';
import { describe, expect, it } from 'vitest';
import { decodeFrame, FrameError } from '../src/data/decode';

function bin(...values: number[]): Uint8Array {
  return new Uint8Array(Float64Array.from(values).buffer);
}

const snap = (change: Record<string, unknown> = {}): Record<string, unknown> => ({
  t: 'snap', seq: 4, server_ms: 1000.5, id: 7,
  series: [{
    id: 7, edge: 'edge-1', text: 'temperature{source="m-01"}', width_ms: 5000, n: 2,
    start_ms: bin(1000, 6000), mean: bin(1.5, 2.5), min: bin(1, 2), max: bin(2, 3), count: bin(5, 6), ...change,
  }],
  anomalies: [], missing: [9],
});

describe('decodeFrame', () => {
  it('reads binary columns at any offset of the frame', () => {
    for (const pad of ['', 'x', 'xy', 'xyz', 'xyza', 'xyzab', 'xyzabc', 'xyzabcd']) {
      const frame = decodeFrame(encode({ pad, ...snap() }));
      if (frame?.t !== 'snap') throw new Error('not a snap');
      expect([...frame.series[0]!.start_ms]).toEqual([1000, 6000]);
      expect([...frame.series[0]!.mean]).toEqual([1.5, 2.5]);
      expect([...frame.series[0]!.count]).toEqual([5, 6]);
      expect(frame.missing).toEqual([9]);
      expect(frame.server_ms).toBe(1000.5);
    }
  });

  it('does not hold on to the bytes of the frame', () => {
    const bytes = encode(snap());
    const frame = decodeFrame(bytes);
    bytes.fill(0);
    if (frame?.t !== 'snap') throw new Error('not a snap');
    expect([...frame.series[0]!.max]).toEqual([2, 3]);
    expect(frame.series[0]!.max.buffer.byteLength).toBe(16);
  });

  it('reads the same frame as JSON text', () => {
    const text = JSON.stringify(snap({ start_ms: [1000, 6000], mean: [1.5, 2.5], min: [1, 2], max: [2, 3], count: [5, 6] }));
    const frame = decodeFrame(text);
    if (frame?.t !== 'snap') throw new Error('not a snap');
    expect([...frame.series[0]!.mean]).toEqual([1.5, 2.5]);
  });

  it('reads the points of a delta and fills what is not there', () => {
    const frame = decodeFrame(encode({ t: 'delta', seq: 5, server_ms: 2000, points: [[7, 11000, 5000, 3.5, 3, 4, 9, 1]] }));
    if (frame?.t !== 'delta') throw new Error('not a delta');
    expect(frame.points).toEqual([{ series: 7, start_ms: 11000, width_ms: 5000, mean: 3.5, min: 3, max: 4, count: 9 }]);
    expect(frame.anomalies).toEqual([]);
    expect(frame.alerts).toEqual([]);
    expect(frame.new_series).toBe(0);
  });

  it('reads ticks, hello and errors', () => {
    const totals = { edges: 1, up: 1 };
    expect(decodeFrame(encode({ t: 'tick', seq: 1, server_ms: 5, totals, edges: [{ name: 'a' }] }))).toMatchObject({
      t: 'tick', seq: 1, totals, edges: [{ name: 'a' }],
    });
    expect(decodeFrame(encode({ t: 'hello', server_ms: 5, version: '0.1.0', heartbeat_ms: 1000 }))).toMatchObject({ version: '0.1.0' });
    expect(decodeFrame(encode({ t: 'error', id: null, code: 'too_many', message: 'No.' }))).toEqual({
      t: 'error', id: null, code: 'too_many', message: 'No.',
    });
  });

  it('gives null for a kind of frame that it does not know', () => {
    expect(decodeFrame(encode({ t: 'forecast', seq: 1 }))).toBeNull();
  });

  it.each([
    ['bytes that are not msgpack', new Uint8Array([0xc1])],
    ['half a frame', encode(snap()).slice(0, 40)],
    ['a number', encode(5)],
    ['a tick without seq', encode({ t: 'tick', server_ms: 1, totals: {}, edges: [] })],
    ['a column that is too short', encode(snap({ mean: bin(1) }))],
    ['a column that is not whole doubles', encode(snap({ mean: new Uint8Array(15) }))],
    ['a point of four parts', encode({ t: 'delta', seq: 1, server_ms: 1, points: [[7, 1, 2, 3]] })],
    ['a point with a text', encode({ t: 'delta', seq: 1, server_ms: 1, points: [[7, 1, 2, 'x', 3, 4, 5, 6]] })],
    ['text that is not JSON', '{'],
  ])('refuses %s', (_what, bytes) => {
    expect(() => decodeFrame(bytes)).toThrow(FrameError);
  });
});
