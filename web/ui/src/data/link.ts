// The life of the connection as a pure state machine: time and chance come in as
// parameters, what is to be done comes out as effects. socket.ts is the driver.

/**
 * connecting: first attempt, nothing shown yet. live: ticks come. stale: the socket looks
 * open but has been silent. waiting: lost, the next attempt is due at `retryAt`.
 * retrying: an attempt is under way. signed_out: the server wants a session.
 */
export type Phase = 'connecting' | 'live' | 'stale' | 'waiting' | 'retrying' | 'signed_out';

export interface Link {
  phase: Phase;
  attempt: number; ///< Attempts since the connection was lost.
  lostAt: number | null;
  retryAt: number | null;
  attemptAt: number; ///< When the present attempt began.
  opened: boolean; ///< The socket of this attempt was open at some time.
  lastTickAt: number | null; ///< Local time of the newest tick.
  seq: number | null; ///< Number of the newest frame; null: take the next as it comes.
}

export type LinkEvent =
  | { type: 'start' }
  | { type: 'opened' }
  | { type: 'frame'; kind: string; seq: number | null }
  | { type: 'closed' }
  | { type: 'denied' }
  | { type: 'clock' }
  | { type: 'retry_now' };

/** subscribe: (again) from the newest points. probe: ask over HTTP whether the session holds. */
export type Effect = 'open' | 'close' | 'subscribe' | 'probe';

export interface Step {
  link: Link;
  effects: Effect[];
}

export const silentAfterMs = 3000;
export const attemptLimitMs = 4000;
const quickRetryForMs = 30_000;

export const initialLink: Link = {
  phase: 'connecting',
  attempt: 0,
  lostAt: null,
  retryAt: null,
  attemptAt: 0,
  opened: false,
  lastTickAt: null,
  seq: null,
};

/** 250 to 1000 ms in the first 30 s, then 2.5 to 5 s. `chance` is in [0, 1). */
export function retryDelayMs(downForMs: number, chance: number): number {
  return downForMs < quickRetryForMs ? 250 + 750 * chance : 2500 + 2500 * chance;
}

export function step(link: Link, event: LinkEvent, now: number, chance: number): Step {
  switch (event.type) {
    case 'start':
      return { link: { ...initialLink, attemptAt: now }, effects: ['close', 'open'] };
    case 'opened':
      return { link: { ...link, opened: true, seq: null, lastTickAt: now }, effects: ['subscribe'] };
    case 'frame':
      return onFrame(link, event.kind, event.seq, now);
    case 'closed':
      return link.phase === 'signed_out' ? { link, effects: [] } : lose(link, now, chance);
    case 'denied':
      return { link: { ...link, phase: 'signed_out', retryAt: null }, effects: ['close'] };
    case 'clock':
      return onClock(link, now, chance);
    case 'retry_now':
      return link.phase === 'waiting' ? attempt(link, now) : { link, effects: [] };
  }
}

function onFrame(link: Link, kind: string, seq: number | null, now: number): Step {
  // Nothing of a socket that was given up counts.
  if (link.phase === 'signed_out' || !link.opened) return { link, effects: [] };
  const hole = seq !== null && link.seq !== null && seq !== link.seq + 1;
  const next: Link = {
    ...link,
    phase: 'live',
    attempt: 0,
    lostAt: null,
    retryAt: null,
    lastTickAt: kind === 'tick' || kind === 'hello' ? now : (link.lastTickAt ?? now),
    seq,
  };
  return { link: next, effects: hole ? ['subscribe'] : [] };
}

function onClock(link: Link, now: number, chance: number): Step {
  const none: Step = { link, effects: [] };
  switch (link.phase) {
    case 'live':
      if (link.lastTickAt === null || now - link.lastTickAt < silentAfterMs) return none;
      // Silent: the peer may be gone without a word, so a new socket it is.
      return {
        link: { ...link, phase: 'stale', lostAt: link.lastTickAt, attempt: 1, attemptAt: now, opened: false, seq: null },
        effects: ['close', 'open'],
      };
    case 'connecting':
    case 'stale':
    case 'retrying':
      if (now - link.attemptAt < attemptLimitMs) return none;
      return withEffect(lose(link, now, chance), 'close');
    case 'waiting':
      return link.retryAt !== null && now >= link.retryAt ? attempt(link, now) : none;
    case 'signed_out':
      return none;
  }
}

function attempt(link: Link, now: number): Step {
  return {
    link: { ...link, phase: 'retrying', attempt: link.attempt + 1, attemptAt: now, retryAt: null, opened: false },
    effects: ['open'],
  };
}

function lose(link: Link, now: number, chance: number): Step {
  const lostAt = link.lostAt ?? now;
  return {
    link: { ...link, phase: 'waiting', lostAt, retryAt: now + retryDelayMs(now - lostAt, chance), seq: null },
    // A handshake that was refused looks the same as a server that is away.
    effects: link.opened ? [] : ['probe'],
  };
}

function withEffect(s: Step, first: Effect): Step {
  return { link: s.link, effects: [first, ...s.effects] };
}
