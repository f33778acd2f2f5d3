// One chart over time: mean lines, min/max bands, gaps, marks, a cross-hair that all
// charts share, and a tooltip on the one under the pointer. uPlot stays behind this.
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { formatAxisTime, formatAxisValue } from '../format';
import { paddedRange, timeStep, timeTicks, type Aligned } from './align';
import { drawMark, nearestMark, type Mark } from './marks';
import { colour, translucent } from './palette';

export interface ChartLine {
  /** A custom property, e.g. --series-1. */
  colour: string;
  band: boolean;
  area: boolean;
  width: number;
}

export interface ChartPicture {
  fromMs: number;
  toMs: number;
  aligned: Aligned;
  marks: readonly Mark[];
  utc: boolean;
  /** Keep 0 on the value axis. */
  fromZero: boolean;
}

/** What is under the pointer. `values` holds an index into the aligned data per line, or null. */
export interface Hover {
  timeMs: number;
  indices: (number | null)[];
  mark: Mark | null;
}

const axisWidth = 58;
const font = '11px system-ui, sans-serif';

export class TimeChart {
  private readonly plot: uPlot;
  private readonly tip: HTMLDivElement;
  private readonly resizer: ResizeObserver;
  private picture: ChartPicture | null = null;
  private low = 0;
  private high = 1;

  /** `fillTip` writes the tooltip's content; false: nothing to say. */
  constructor(
    private readonly host: HTMLElement,
    private readonly lines: readonly ChartLine[],
    labelTime: boolean,
    private readonly fillTip: (tip: HTMLElement, hover: Hover) => boolean,
  ) {
    // A column for each series from the start: the chart may be resized, or pointed at,
    // before it has been shown anything.
    const empty: number[][] = [[], ...lines.flatMap(() => [[], [], []])];
    this.plot = new uPlot(this.options(labelTime), empty as uPlot.AlignedData, host);
    this.tip = document.createElement('div');
    this.tip.className = 'chart-tip';
    this.tip.hidden = true;
    host.append(this.tip);
    this.resizer = new ResizeObserver(() => {
      const { clientWidth: width, clientHeight: height } = host;
      if (width > 0 && height > 0) this.plot.setSize({ width, height });
    });
    this.resizer.observe(host);
  }

  destroy(): void {
    this.resizer.disconnect();
    this.plot.destroy();
    this.tip.remove();
  }

  show(picture: ChartPicture): void {
    // Other series have just been chosen, and the chart of those is about to be made.
    if (picture.aligned.series.length !== this.lines.length) return;
    this.picture = picture;
    let { low, high } = picture.aligned;
    for (const mark of picture.marks) {
      low = Math.min(low, mark.y);
      high = Math.max(high, mark.y);
    }
    if (picture.fromZero && low <= high) low = Math.min(0, low);
    // A mark must not be cut off at the border.
    [this.low, this.high] = paddedRange(low, high, picture.marks.length > 0 ? 0.14 : 0.08);
    if (picture.fromZero && low === 0) this.low = 0;
    const data: (number | null | undefined)[][] = [picture.aligned.x];
    for (const s of picture.aligned.series) data.push(s.mean, s.max, s.min);
    this.plot.batch(() => {
      this.plot.setData(data as uPlot.AlignedData, false);
      this.plot.setScale('x', { min: picture.fromMs, max: picture.toMs });
      this.plot.setScale('y', { min: this.low, max: this.high });
    });
  }

  private options(labelTime: boolean): uPlot.Options {
    const axis = { stroke: () => colour('--muted'), font, grid: { stroke: () => colour('--grid'), width: 1 } };
    return {
      width: Math.max(this.host.clientWidth, 100),
      height: Math.max(this.host.clientHeight, 60),
      ms: 1,
      padding: [8, 10, labelTime ? 0 : 4, 0],
      legend: { show: false },
      cursor: { drag: { x: false, y: false }, y: false, sync: { key: 'weir', scales: ['x', null] }, points: { show: false } },
      scales: { x: { time: true, auto: false }, y: { auto: false, range: () => [this.low, this.high] } },
      axes: [
        {
          ...axis,
          size: labelTime ? 24 : 4,
          gap: 4,
          ticks: { show: false },
          splits: (u, _axis, min, max) => timeTicks(min, max, this.timeStep(u, max - min)),
          values: (u, ticks) =>
            ticks.map((t) => (labelTime && this.hasRoom(u, t) ? formatAxisTime(t, this.picture?.utc ?? true, this.timeStep(u, this.span())) : '')),
        },
        {
          ...axis,
          size: axisWidth,
          gap: 6,
          space: 32,
          ticks: { show: false },
          values: (_u, ticks) => {
            const step = ticks.length > 1 ? ticks[1]! - ticks[0]! : 1;
            return ticks.map((v) => formatAxisValue(v, step));
          },
        },
      ],
      series: [{}, ...this.lines.flatMap((line, i) => this.series(line, i))],
      bands: this.lines.flatMap((line, i) =>
        line.band ? [{ series: [3 * i + 2, 3 * i + 3] as [number, number], fill: () => translucent(colour(line.colour), 0.16) }] : []),
      hooks: { draw: [(u) => this.drawMarks(u)], setCursor: [(u) => this.hover(u)] },
    };
  }

  private span(): number {
    return this.picture ? this.picture.toMs - this.picture.fromMs : 1;
  }

  /** A label at the border would be cut off. */
  private hasRoom(u: uPlot, t: number): boolean {
    const left = u.valToPos(t, 'x');
    return left > -10 && left < u.over.clientWidth - 16;
  }

  private timeStep(u: uPlot, spanMs: number): number {
    return timeStep(spanMs, Math.max(2, (u.width - axisWidth) / 90));
  }

  /** Mean, max and min of one line; the latter two only carry the band. */
  private series(line: ChartLine, i: number): uPlot.Series[] {
    const gaps: uPlot.Series.GapsRefiner = (u, _s, _from, _to, found) => {
      const own = this.picture?.aligned.series[i]?.gaps ?? [];
      const at = own.map(([a, b]): [number, number] => [u.valToPos(a, 'x', true), u.valToPos(b, 'x', true)]);
      return at.length > 0 ? at : found;
    };
    const bare: uPlot.Series = { width: 0, stroke: () => 'transparent', points: { show: false }, show: line.band, gaps };
    const mean: uPlot.Series = {
      stroke: () => colour(line.colour),
      width: line.width,
      points: { show: false, size: 5, fill: () => colour(line.colour), filter: () => this.picture?.aligned.series[i]?.lonely ?? [] },
      gaps,
    };
    if (line.area) mean.fill = () => translucent(colour(line.colour), 0.14);
    return [mean, bare, { ...bare }];
  }

  private drawMarks(u: uPlot): void {
    const marks = this.picture?.marks ?? [];
    if (marks.length === 0) return;
    const { left, top, width, height } = u.bbox;
    u.ctx.save();
    u.ctx.beginPath();
    u.ctx.rect(left, top, width, height);
    u.ctx.clip();
    for (const mark of marks)
      drawMark(u.ctx, mark.anomaly.severity, u.valToPos(mark.x, 'x', true), u.valToPos(mark.y, 'y', true), uPlot.pxRatio);
    u.ctx.restore();
  }

  private hover(u: uPlot): void {
    const { left, top, idx } = u.cursor;
    const here = left !== undefined && top !== undefined && left >= 0 && u.over.matches(':hover');
    if (!here || !this.picture || idx === null || idx === undefined) {
      this.tip.hidden = true;
      return;
    }
    const mark = nearestMark(this.picture.marks, left, top, 14, (m) => [u.valToPos(m.x, 'x'), u.valToPos(m.y, 'y')]);
    const indices = this.picture.aligned.series.map((s) => nearestIndex(s.mean, idx));
    this.tip.hidden = !this.fillTip(this.tip, { timeMs: u.posToVal(left, 'x'), indices, mark });
    if (this.tip.hidden) return;
    const plotLeft = u.over.offsetLeft;
    const onRight = left < u.over.clientWidth / 2;
    const x = onRight ? plotLeft + left + 14 : plotLeft + left - 14 - this.tip.offsetWidth;
    const y = Math.min(top, Math.max(0, this.host.clientHeight - this.tip.offsetHeight));
    this.tip.style.transform = `translate(${Math.round(x)}px, ${Math.round(y)}px)`;
  }
}

/** The point of a line nearest to `idx`, at most a few steps of other lines away. */
function nearestIndex(values: readonly (number | null | undefined)[], idx: number): number | null {
  for (let d = 0; d <= 8; d++) {
    if (values[idx - d] != null) return idx - d;
    if (values[idx + d] != null) return idx + d;
  }
  return null;
}
