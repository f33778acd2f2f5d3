// Drives the state machine of data/link.ts with a real WebSocket and a real clock.
import { decodeFrame, FrameError } from '../data/decode';
import { initialLink, step, type Effect, type Link, type LinkEvent } from '../data/link';
import type { Frame } from '../data/wire';

export interface SocketHandlers {
  frame(frame: Frame, localMs: number): void;
  link(link: Link): void;
  /** Subscribe to what is wanted, from the newest points on. */
  subscribe(): void;
  /** True: the session is gone. */
  probe(): Promise<boolean>;
}

const clockMs = 250;

export class LiveSocket {
  link: Link = initialLink;
  private socket: WebSocket | null = null;

  constructor(private readonly handlers: SocketHandlers) {
    setInterval(() => this.send({ type: 'clock' }), clockMs);
  }

  start(): void {
    this.send({ type: 'start' });
  }
  deny(): void {
    this.send({ type: 'denied' });
  }
  retryNow(): void {
    this.send({ type: 'retry_now' });
  }

  /** False when there is no open socket: the caller's wish is met by the next subscribe(). */
  post(message: object): boolean {
    if (this.socket?.readyState !== WebSocket.OPEN) return false;
    this.socket.send(JSON.stringify(message));
    return true;
  }

  private send(event: LinkEvent): void {
    const before = this.link;
    const { link, effects } = step(before, event, Date.now(), Math.random());
    this.link = link;
    for (const effect of effects) this.run(effect);
    if (link.phase !== before.phase || link.attempt !== before.attempt || link.retryAt !== before.retryAt)
      this.handlers.link(link);
  }

  private run(effect: Effect): void {
    switch (effect) {
      case 'open':
        return this.open();
      case 'close':
        return this.close();
      case 'subscribe':
        return this.handlers.subscribe();
      case 'probe':
        void this.handlers.probe().then((gone) => gone && this.deny());
    }
  }

  private open(): void {
    this.close();
    const scheme = location.protocol === 'https:' ? 'wss' : 'ws';
    const socket = new WebSocket(`${scheme}://${location.host}/api/v1/live`);
    socket.binaryType = 'arraybuffer';
    socket.onopen = () => this.send({ type: 'opened' });
    socket.onclose = () => {
      this.socket = null;
      this.send({ type: 'closed' });
    };
    socket.onmessage = (message: MessageEvent<ArrayBuffer | string>) => this.receive(message.data);
    this.socket = socket;
  }

  /** Forgets the socket: whatever it still says is not heard. */
  private close(): void {
    if (!this.socket) return;
    this.socket.onopen = this.socket.onclose = this.socket.onmessage = null;
    this.socket.close();
    this.socket = null;
  }

  private receive(data: ArrayBuffer | string): void {
    let frame: Frame | null;
    try {
      frame = decodeFrame(data);
    } catch (error) {
      if (!(error instanceof FrameError)) throw error;
      frame = { t: 'error', id: null, code: 'bad_frame', message: error.message };
    }
    if (!frame) {
      // Of a newer server: its number is not known, so the next one is taken as it comes.
      this.send({ type: 'frame', kind: 'unknown', seq: null });
      return;
    }
    this.send({ type: 'frame', kind: frame.t, seq: 'seq' in frame ? frame.seq : null });
    this.handlers.frame(frame, Date.now());
  }
}
