// Which series to show when nobody has chosen any, so that the page is alive at once.
import type { Anomaly, SeriesInfo } from '../data/wire';
import { splitSeriesText } from '../format';

const freshForMs = 60_000;

/** At most `count` ids: what was conspicuous lately, then what is fresh; one of each metric first. */
export function interesting(series: readonly SeriesInfo[], anomalies: readonly Anomaly[], count: number): number[] {
  const newest = Math.max(...series.map((s) => s.last_ms ?? 0));
  const fresh = (s: SeriesInfo): boolean => newest - (s.last_ms ?? 0) < freshForMs;
  const byId = new Map(series.map((s) => [s.id, s]));
  const conspicuous = anomalies.map((a) => byId.get(a.series)).filter((s) => s !== undefined && fresh(s)) as SeriesInfo[];
  // What an edge tells about its own machine is of less interest than what is attached to it.
  const own = (s: SeriesInfo): number => Number(splitSeriesText(s.text).labels[0]?.[1] === s.edge);
  const byText = series.filter(fresh).sort((a, b) => own(a) - own(b) || (a.text < b.text ? -1 : 1));
  const picked: SeriesInfo[] = [];
  const metrics = new Set<string>();
  // First one of each metric, then whatever is left.
  for (const onlyNewMetrics of [true, false]) {
    for (const s of [...conspicuous, ...byText]) {
      if (picked.length >= count) break;
      const { metric } = splitSeriesText(s.text);
      if (picked.includes(s) || (onlyNewMetrics && metrics.has(metric))) continue;
      metrics.add(metric);
      picked.push(s);
    }
  }
  return picked.map((s) => s.id);
}
