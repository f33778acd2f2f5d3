// The newest points of one series in typed arrays. Each column is twice as long as the
// window: points are written behind the head, and only when the end is reached the live
// half is moved to the front, once per `capacity` points. Nothing is allocated while
// data flows, and no point ever enters the state of the page.

export type UpsertResult = 'appended' | 'inserted' | 'replaced' | 'ignored';

const columnNames = ['start', 'width', 'mean', 'min', 'max', 'count'] as const;

export class SeriesWindow {
  readonly start: Float64Array;
  readonly width: Float64Array;
  readonly mean: Float64Array;
  readonly min: Float64Array;
  readonly max: Float64Array;
  readonly count: Float64Array;
  /** Live points are at [head, head + length), ascending by start. */
  head = 0;
  length = 0;

  constructor(readonly capacity: number) {
    this.start = new Float64Array(2 * capacity);
    this.width = new Float64Array(2 * capacity);
    this.mean = new Float64Array(2 * capacity);
    this.min = new Float64Array(2 * capacity);
    this.max = new Float64Array(2 * capacity);
    this.count = new Float64Array(2 * capacity);
  }

  get end(): number {
    return this.head + this.length;
  }
  /** Start of the newest point, or null. */
  get newest(): number | null {
    return this.length === 0 ? null : this.start[this.end - 1]!;
  }
  get oldest(): number | null {
    return this.length === 0 ? null : this.start[this.head]!;
  }

  clear(): void {
    this.head = 0;
    this.length = 0;
  }

  /**
   * Adds a point, or replaces the one with the same start. A narrow point that lies in
   * a wide one (a snapshot may merge windows to fit `max_points`) is ignored, for it is
   * in there already; only behind the newest wide one it continues the series.
   */
  upsert(start: number, width: number, mean: number, min: number, max: number, count: number): UpsertResult {
    const at = this.lowerBound(start);
    const last = this.end;
    if (at < last && this.start[at] === start) {
      if (this.width[at]! > width) return 'ignored';
      this.write(at, start, width, mean, min, max, count);
      return 'replaced';
    }
    if (at === last) {
      this.write(this.makeRoom(), start, width, mean, min, max, count);
      return 'appended';
    }
    const previous = at - 1;
    if (previous >= this.head && start < this.start[previous]! + this.width[previous]!) return 'ignored';
    if (this.length === this.capacity && at === this.head) return 'ignored'; // Older than all we keep.
    this.insert(start, width, mean, min, max, count);
    return 'inserted';
  }

  /** Index of the first live point whose start is not before `start`. */
  lowerBound(start: number): number {
    let low = this.head;
    let high = this.end;
    // Data comes in order, so that the answer is nearly always the end.
    if (low === high || this.start[high - 1]! < start) return high;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.start[middle]! < start) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The usual distance between two points: the median of the newest 32, at least a width. */
  cadence(): number {
    const n = Math.min(this.length, 33);
    if (n === 0) return 0;
    const newestWidth = this.width[this.end - 1]!;
    if (n < 3) return newestWidth;
    const distances: number[] = [];
    for (let i = this.end - n + 1; i < this.end; i++) distances.push(this.start[i]! - this.start[i - 1]!);
    distances.sort((a, b) => a - b);
    return Math.max(newestWidth, distances[distances.length >> 1]!);
  }

  private write(i: number, start: number, width: number, mean: number, min: number, max: number, count: number): void {
    this.start[i] = start;
    this.width[i] = width;
    this.mean[i] = mean;
    this.min[i] = min;
    this.max[i] = max;
    this.count[i] = count;
  }

  /** Makes the live part one longer at its end, dropping the oldest when full; the new index. */
  private makeRoom(): number {
    if (this.length === this.capacity) {
      this.head++;
      this.length--;
    }
    if (this.end === 2 * this.capacity) {
      for (const name of columnNames) this[name].copyWithin(0, this.head, this.end);
      this.head = 0;
    }
    this.length++;
    return this.end - 1;
  }

  private insert(start: number, width: number, mean: number, min: number, max: number, count: number): void {
    const last = this.makeRoom();
    const at = Math.min(this.lowerBoundBefore(start, last), last);
    for (const name of columnNames) this[name].copyWithin(at + 1, at, last);
    this.write(at, start, width, mean, min, max, count);
  }

  /** lowerBound over [head, last), used while the slot at `last` holds nothing yet. */
  private lowerBoundBefore(start: number, last: number): number {
    let at = last;
    while (at > this.head && this.start[at - 1]! > start) at--;
    return at;
  }
}

/** Of a series of which nothing has come yet: each line of a chart has a window. */
export const noPoints = new SeriesWindow(1);
