// The server's time, seen from here. Each frame carries the server's clock; the frame
// that travelled fastest tells the offset best, so the smallest difference of the newest
// samples counts.

export class ServerClock {
  private readonly samples: number[] = [];
  private offset = 0;
  /** How much later than the fastest frame the newest one came. */
  delayMs = 0;

  constructor(private readonly keep = 60) {}

  get known(): boolean {
    return this.samples.length > 0;
  }

  onFrame(serverMs: number, localMs: number): void {
    const difference = localMs - serverMs;
    // A jump means that one of the clocks was set: start over.
    if (this.known && Math.abs(difference - this.offset) > 30_000) this.samples.length = 0;
    this.samples.push(difference);
    if (this.samples.length > this.keep) this.samples.shift();
    this.offset = Math.min(...this.samples);
    this.delayMs = difference - this.offset;
  }

  /** The server's time at the local time `localMs`. */
  at(localMs: number): number {
    return localMs - this.offset;
  }
}
