// The HTTP side of web/API.md.
import type { EdgeLedger } from '../data/ledger';
import type { Alert, Anomaly, Edge, SeriesInfo, Totals } from '../data/wire';

/** A refusal by the server (status >= 400), or status 0 when it could not be reached. */
export class ApiError extends Error {
  constructor(readonly status: number, readonly code: string, message: string) {
    super(message);
  }
}

async function request<T>(method: string, path: string, body?: unknown): Promise<T> {
  const init: RequestInit = { method, credentials: 'same-origin', headers: { Accept: 'application/json' } };
  if (body !== undefined) {
    init.body = JSON.stringify(body);
    init.headers = { ...init.headers, 'Content-Type': 'application/json' };
  }
  let response: Response;
  try {
    response = await fetch(path, init);
  } catch {
    throw new ApiError(0, 'unreachable', 'The server does not answer.');
  }
  const text = await response.text();
  let json: unknown = null;
  try {
    json = text === '' ? null : JSON.parse(text);
  } catch {
    // A proxy's page, say. The status has to do.
  }
  if (!response.ok) {
    const error = (json as { error?: { code?: string; message?: string } } | null)?.error;
    throw new ApiError(response.status, error?.code ?? 'http', error?.message ?? `The server answered ${response.status}.`);
  }
  return json as T;
}

export interface Overview {
  server_ms: number;
  totals: Totals;
  edges: Edge[];
}

export const api = {
  overview: () => request<Overview>('GET', '/api/v1/overview'),
  alerts: () => request<{ alerts: Alert[] }>('GET', '/api/v1/alerts?limit=200').then((r) => r.alerts ?? []),
  anomalies: () => request<{ anomalies: Anomaly[] }>('GET', '/api/v1/anomalies?limit=200').then((r) => r.anomalies ?? []),
  series: (search: string, limit: number) =>
    request<{ series: SeriesInfo[]; truncated: boolean }>(
      'GET', `/api/v1/series?search=${encodeURIComponent(search)}&limit=${limit}`),
  ledger: (edge: string, limit: number) =>
    request<EdgeLedger>('GET', `/api/v1/ledger/edge?edge=${encodeURIComponent(edge)}&limit=${limit}`),
  signIn: (token: string) => request<null>('POST', '/api/v1/session', { token }),
  signOut: () => request<null>('DELETE', '/api/v1/session'),
};
