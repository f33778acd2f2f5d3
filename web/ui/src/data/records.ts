// Lists of anomalies and alerts as they come in from snapshots, deltas and queries, in
// any order and more than once.
import type { Alert, Anomaly, Severity } from './wire';

export const severityRank: Record<Severity, number> = { low: 0, medium: 1, high: 2, critical: 3 };

const anomalyKey = (a: Anomaly): string => `${a.series}|${a.time_ms}|${a.model}`;

/** Both lists in one, newest first, each anomaly once, at most `limit`. */
export function mergeAnomalies(have: readonly Anomaly[], incoming: readonly Anomaly[], limit: number): readonly Anomaly[] {
  if (incoming.length === 0) return have;
  const byKey = new Map<string, Anomaly>();
  for (const a of have) byKey.set(anomalyKey(a), a);
  for (const a of incoming) byKey.set(anomalyKey(a), a);
  return [...byKey.values()].sort((a, b) => b.time_ms - a.time_ms || b.score - a.score).slice(0, limit);
}

export function isOpen(alert: Alert): boolean {
  return alert.state === 'pending' || alert.state === 'firing' || alert.state === 'recovering';
}

/** Open ones first, then newest first; of one id the newest transition counts. */
export function mergeAlerts(have: readonly Alert[], incoming: readonly Alert[], limit: number): readonly Alert[] {
  if (incoming.length === 0) return have;
  const byId = new Map<string, Alert>();
  for (const a of have) byId.set(a.id, a);
  for (const a of incoming) {
    const known = byId.get(a.id);
    if (!known || a.updated_ms >= known.updated_ms) byId.set(a.id, a);
  }
  return [...byId.values()].sort(compareAlerts).slice(0, limit);
}

function compareAlerts(a: Alert, b: Alert): number {
  const open = Number(isOpen(b)) - Number(isOpen(a));
  if (open !== 0) return open;
  return b.start_ms - a.start_ms || severityRank[b.severity] - severityRank[a.severity] || (a.id < b.id ? -1 : 1);
}

/** Alerts that began to fire critically and were not known as such before. */
export function newCriticals(have: readonly Alert[], incoming: readonly Alert[]): Alert[] {
  const known = new Map(have.map((a) => [a.id, a]));
  return incoming.filter((a) => {
    if (a.severity !== 'critical' || a.state !== 'firing') return false;
    const before = known.get(a.id);
    return !before || before.state !== 'firing';
  });
}
