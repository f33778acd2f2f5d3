import { describe, expect, it } from 'vitest';
import { initialLink, retryDelayMs, step, type Effect, type Link, type LinkEvent } from '../src/data/link';

/** Drives the machine and remembers what it wanted done. */
class Driver {
  link: Link = initialLink;
  now = 1_000_000;
  effects: Effect[] = [];
  chance = 0.5;

  send(event: LinkEvent): Effect[] {
    const next = step(this.link, event, this.now, this.chance);
    this.link = next.link;
    this.effects.push(...next.effects);
    return next.effects;
  }
  wait(ms: number): Effect[] {
    const effects: Effect[] = [];
    for (let left = ms; left > 0; left -= 100) {
      this.now += Math.min(100, left);
      effects.push(...this.send({ type: 'clock' }));
    }
    return effects;
  }
  goLive(): this {
    this.send({ type: 'start' });
    this.send({ type: 'opened' });
    this.tick(1);
    return this;
  }
  tick(seq: number): Effect[] {
    return this.send({ type: 'frame', kind: 'tick', seq });
  }
}

describe('link', () => {
  it('opens at start, subscribes when open, is live with the first frame', () => {
    const d = new Driver();
    expect(d.send({ type: 'start' })).toEqual(['close', 'open']);
    expect(d.link.phase).toBe('connecting');
    expect(d.send({ type: 'opened' })).toEqual(['subscribe']);
    expect(d.link.phase).toBe('connecting');
    d.send({ type: 'frame', kind: 'hello', seq: null });
    expect(d.link.phase).toBe('live');
  });

  it('stays live as long as ticks come', () => {
    const d = new Driver().goLive();
    for (let seq = 2; seq < 50; seq++) {
      expect(d.wait(1000)).toEqual([]);
      expect(d.tick(seq)).toEqual([]);
    }
    expect(d.link.phase).toBe('live');
  });

  it('is stale after 3 s without a tick, and opens a new socket', () => {
    const d = new Driver().goLive();
    expect(d.wait(2900)).toEqual([]);
    expect(d.wait(200)).toEqual(['close', 'open']);
    expect(d.link.phase).toBe('stale');
    d.send({ type: 'opened' });
    d.tick(1);
    expect(d.link.phase).toBe('live');
    expect(d.link.lostAt).toBeNull();
  });

  it('is not fooled by deltas when the ticks stop', () => {
    const d = new Driver().goLive();
    for (let seq = 2; seq <= 31; seq++) {
      expect(d.link.phase).toBe('live');
      d.wait(100);
      d.send({ type: 'frame', kind: 'delta', seq });
    }
    expect(d.link.phase).toBe('stale');
  });

  it('subscribes again at a hole in the numbers, and only there', () => {
    const d = new Driver().goLive();
    expect(d.tick(2)).toEqual([]);
    expect(d.tick(4)).toEqual(['subscribe']);
    expect(d.tick(5)).toEqual([]);
  });

  it('takes the first number of a connection as it comes, and the one after an error frame', () => {
    const d = new Driver();
    d.send({ type: 'start' });
    d.send({ type: 'opened' });
    expect(d.tick(2)).toEqual([]);
    expect(d.send({ type: 'frame', kind: 'error', seq: null })).toEqual([]);
    expect(d.tick(4)).toEqual([]);
  });

  it('retries after a loss, counts the tries, and subscribes when it is back', () => {
    const d = new Driver().goLive();
    d.send({ type: 'closed' });
    expect(d.link.phase).toBe('waiting');
    expect(d.wait(700)).toEqual(['open']);
    expect(d.link).toMatchObject({ phase: 'retrying', attempt: 1 });
    d.send({ type: 'closed' });
    d.wait(700);
    expect(d.link).toMatchObject({ phase: 'retrying', attempt: 2 });
    expect(d.send({ type: 'opened' })).toEqual(['subscribe']);
    d.tick(1);
    expect(d.link).toMatchObject({ phase: 'live', attempt: 0, lostAt: null });
  });

  it('asks over HTTP whether the session holds only when the handshake failed', () => {
    const d = new Driver().goLive();
    expect(d.send({ type: 'closed' })).toEqual([]);
    d.wait(700);
    expect(d.send({ type: 'closed' })).toEqual(['probe']);
  });

  it('waits 250 to 1000 ms in the first 30 s, then 2.5 to 5 s', () => {
    for (const chance of [0, 0.3, 0.999]) {
      expect(retryDelayMs(0, chance)).toBeGreaterThanOrEqual(250);
      expect(retryDelayMs(29_999, chance)).toBeLessThanOrEqual(1000);
      expect(retryDelayMs(30_000, chance)).toBeGreaterThanOrEqual(2500);
      expect(retryDelayMs(3_600_000, chance)).toBeLessThanOrEqual(5000);
    }
  });

  it('gives up an attempt that neither opens nor fails', () => {
    const d = new Driver();
    d.send({ type: 'start' });
    expect(d.wait(4100)).toEqual(['close', 'probe']);
    expect(d.link.phase).toBe('waiting');
    expect(d.wait(700)).toEqual(['open']);
  });

  it('never has two attempts at once while the server is away for a minute', () => {
    const d = new Driver().goLive();
    d.send({ type: 'closed' });
    let opens = 0;
    const end = d.now + 60_000;
    while (d.now < end) {
      if (d.wait(100).includes('open')) {
        opens++;
        d.send({ type: 'closed' });
      }
    }
    // 30 s of about 0.7 s each, then 30 s of about 3.8 s each.
    expect(opens).toBeGreaterThan(40);
    expect(opens).toBeLessThan(62);
  });

  it('stops when the session is gone, until it is started again', () => {
    const d = new Driver().goLive();
    expect(d.send({ type: 'denied' })).toEqual(['close']);
    expect(d.wait(60_000)).toEqual([]);
    d.send({ type: 'closed' });
    expect(d.link.phase).toBe('signed_out');
    expect(d.send({ type: 'start' })).toContain('open');
  });

  it('tries at once when the operator asks', () => {
    const d = new Driver().goLive();
    d.send({ type: 'closed' });
    expect(d.send({ type: 'retry_now' })).toEqual(['open']);
    expect(d.send({ type: 'retry_now' })).toEqual([]);
  });
});
