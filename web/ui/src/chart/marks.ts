// Anomalies on a chart: a shape and a colour for each severity, never the colour alone.
import type { Anomaly, Severity } from '../data/wire';
import { colour } from './palette';

export interface Mark {
  x: number;
  y: number;
  anomaly: Anomaly;
}

export const severityColour: Record<Severity, string> = {
  low: '--sev-low',
  medium: '--sev-medium',
  high: '--sev-high',
  critical: '--sev-critical',
};

/** Corners of the shape on a unit circle; empty: a circle. */
const corners: Record<Severity, [number, number][]> = {
  low: [],
  medium: polygon(3, -90),
  high: polygon(4, -90),
  critical: polygon(8, -67.5),
};

function polygon(n: number, fromDegrees: number): [number, number][] {
  return Array.from({ length: n }, (_, i) => {
    const angle = ((fromDegrees + (i * 360) / n) * Math.PI) / 180;
    return [Math.cos(angle), Math.sin(angle)];
  });
}

/** Draws the shape with its middle at (x, y), in canvas pixels. */
export function drawMark(ctx: CanvasRenderingContext2D, severity: Severity, x: number, y: number, ratio: number): void {
  const shape = corners[severity] ?? [];
  const r = (severity === 'critical' ? 8 : 6.5) * ratio;
  ctx.beginPath();
  if (shape.length === 0) ctx.arc(x, y, 4.5 * ratio, 0, 2 * Math.PI);
  shape.forEach(([dx, dy], i) => (i === 0 ? ctx.moveTo(x + r * dx, y + r * dy) : ctx.lineTo(x + r * dx, y + r * dy)));
  ctx.closePath();
  ctx.fillStyle = colour(severityColour[severity] ?? '--sev-low');
  ctx.fill();
  ctx.lineWidth = 1.5 * ratio;
  ctx.strokeStyle = colour('--mark-edge');
  ctx.stroke();
  if (severity !== 'critical') return;
  // An octagon of this size looks like a circle: an exclamation mark tells them apart.
  ctx.fillStyle = colour('--chip-text');
  ctx.fillRect(x - ratio, y - 4.5 * ratio, 2 * ratio, 5.5 * ratio);
  ctx.fillRect(x - ratio, y + 2.5 * ratio, 2 * ratio, 2 * ratio);
}

/** The mark nearest to (left, top), at most `reach` away. */
export function nearestMark(marks: readonly Mark[], left: number, top: number, reach: number, place: (m: Mark) => [number, number]): Mark | null {
  let best: Mark | null = null;
  let bestDistance = reach * reach;
  for (const mark of marks) {
    const [x, y] = place(mark);
    const distance = (x - left) ** 2 + (y - top) ** 2;
    if (distance <= bestDistance) {
      best = mark;
      bestDistance = distance;
    }
  }
  return best;
}
