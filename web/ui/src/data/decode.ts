// Frames of the live socket: msgpack (or JSON text) in, typed frames out. Nothing that
// comes from outside is trusted: a frame that is not what the contract says throws
// FrameError, and a kind that this version does not know is null.
import { Decoder } from '@msgpack/msgpack';
import type { Alert, Anomaly, Edge, Frame, Point, SnapSeries, Totals } from './wire';

export class FrameError extends Error {}

type Fields = Record<string, unknown>;

const decoder = new Decoder();

/** A frame as it came: binary is msgpack, text is JSON. */
export function decodeFrame(data: ArrayBuffer | Uint8Array | string): Frame | null {
  let raw: unknown;
  try {
    raw = typeof data === 'string' ? JSON.parse(data) : decoder.decode(data);
  } catch (cause) {
    throw new FrameError(`the server sent a frame that cannot be read: ${String(cause)}`);
  }
  const frame = fields(raw, 'frame');
  switch (frame['t']) {
    case 'hello':
      return { t: 'hello', server_ms: num(frame, 'server_ms'), version: String(frame['version'] ?? '') };
    case 'tick':
      return {
        t: 'tick',
        seq: num(frame, 'seq'),
        server_ms: num(frame, 'server_ms'),
        totals: fields(frame['totals'], 'totals') as unknown as Totals,
        edges: list(frame['edges']) as Edge[],
      };
    case 'snap':
      return {
        t: 'snap',
        seq: num(frame, 'seq'),
        server_ms: num(frame, 'server_ms'),
        id: num(frame, 'id'),
        series: list(frame['series']).map((s) => snapSeries(fields(s, 'series'))),
        anomalies: list(frame['anomalies']) as Anomaly[],
        missing: list(frame['missing']) as number[],
      };
    case 'delta':
      return {
        t: 'delta',
        seq: num(frame, 'seq'),
        server_ms: num(frame, 'server_ms'),
        points: list(frame['points']).map(point),
        anomalies: list(frame['anomalies']) as Anomaly[],
        alerts: list(frame['alerts']) as Alert[],
        new_series: Number(frame['new_series'] ?? 0),
      };
    case 'error':
      return {
        t: 'error',
        id: typeof frame['id'] === 'number' ? frame['id'] : null,
        code: String(frame['code'] ?? 'unknown'),
        message: String(frame['message'] ?? 'The server reported an error without a message.'),
      };
    default:
      return null;
  }
}

function fields(value: unknown, what: string): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new FrameError(`${what} should be a map`);
  return value as Fields;
}

function num(from: Fields, name: string): number {
  const value = from[name];
  if (typeof value !== 'number') throw new FrameError(`${name} should be a number`);
  return value;
}

function list(value: unknown): unknown[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw new FrameError('a list was expected');
  return value;
}

function point(value: unknown): Point {
  const row = list(value);
  if (row.length < 7 || !row.slice(0, 7).every((x) => typeof x === 'number'))
    throw new FrameError('a point should be [series, start_ms, width_ms, mean, min, max, count, ...]');
  const [series, start_ms, width_ms, mean, min, max, count] = row as [
    number, number, number, number, number, number, number,
  ];
  return { series, start_ms, width_ms, mean, min, max, count };
}

function snapSeries(s: Fields): SnapSeries {
  const n = num(s, 'n');
  return {
    id: num(s, 'id'),
    edge: String(s['edge'] ?? ''),
    text: String(s['text'] ?? ''),
    width_ms: num(s, 'width_ms'),
    start_ms: column(s, 'start_ms', n),
    mean: column(s, 'mean', n),
    min: column(s, 'min', n),
    max: column(s, 'max', n),
    count: column(s, 'count', n),
  };
}

/**
 * A column of little-endian doubles. A bin lies at any offset of the frame, and a
 * Float64Array must be aligned to 8 bytes, so the bytes are copied (which also lets
 * the frame go). In JSON mode it is a list of numbers.
 */
function column(s: Fields, name: string, n: number): Float64Array {
  const value = s[name];
  let out: Float64Array;
  if (value instanceof Uint8Array) {
    if (value.byteLength % 8 !== 0) throw new FrameError(`${name} is not a whole number of doubles`);
    out = new Float64Array(value.slice().buffer);
  } else {
    out = Float64Array.from(list(value) as number[]);
  }
  if (out.length !== n) throw new FrameError(`${name} has ${out.length} values, n says ${n}`);
  return out;
}
