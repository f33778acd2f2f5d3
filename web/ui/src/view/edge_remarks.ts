// What a tile says about an edge beside its numbers. Pure.
import type { Edge } from '../data/wire';
import { formatAge, formatCount } from '../format';

/** Only what is out of the ordinary, what needs eyes first. */
export function remarksOf(edge: Edge): string[] {
  const remarks: string[] = [];
  const tell = (count: number | undefined, what: string): void => {
    if (count !== undefined && count > 0) remarks.push(`${formatCount(count)} ${what}`);
  };
  tell(edge.alerts_firing, 'firing');
  tell(edge.rejected_total, 'rejected');
  tell(edge.late_total, 'late');
  tell(edge.shed_total, 'shed');
  tell(edge.expired_total, 'expired');
  tell(edge.held_events, 'held until the clock is set');
  if (Math.abs(edge.clock_offset_ms) > 2000)
    remarks.push(`clock ${formatAge(Math.abs(edge.clock_offset_ms))} ${edge.clock_offset_ms > 0 ? 'ahead' : 'behind'}`);
  tell(edge.clock_jumps_total, edge.clock_jumps_total === 1 ? 'clock jump' : 'clock jumps');
  tell(edge.evicted_total, 'series evicted');
  tell(edge.restamped_total, 'restamped');
  tell(edge.revisions_total, edge.revisions_total === 1 ? 'revision' : 'revisions');
  tell(edge.filtered_total, 'filtered');
  return remarks;
}

/** The same in full, with the reasons of what was not taken: a tile has one short line. */
export function remarksHint(edge: Edge): string {
  const reasons = Object.entries(edge.rejected_by_reason ?? {}).filter(([, count]) => count > 0)
    .map(([reason, count]) => `${reason} ${formatCount(count)}`);
  const all = remarksOf(edge).join('\n');
  return reasons.length === 0 ? all : `${all}\nin quarantine, by reason: ${reasons.join(', ')} (see weir quarantine)`;
}

/** Memory that one series costs; null where the edge does not tell it. */
export function bytesPerSeries(edge: Edge): number | null {
  const series = edge.series_known ?? 0;
  return series > 0 ? (edge.state_bytes ?? 0) / series : null;
}
