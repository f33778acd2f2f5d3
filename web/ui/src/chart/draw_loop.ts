// Who may draw when: only charts that are on the screen, at most 8 ms a frame; the rest
// has its turn in the next frame.

interface Drawable {
  /** Series ids whose points are shown; null: time and state only. */
  series: readonly number[] | null;
  draw(): void;
}

const budgetMs = 8;
const entries = new Map<Element, { item: Drawable; visible: boolean; dirty: boolean }>();
let scheduled = false;

const observer = new IntersectionObserver((changes) => {
  for (const change of changes) {
    const entry = entries.get(change.target);
    if (entry) entry.visible = change.isIntersecting;
  }
  schedule();
}, { rootMargin: '120px' });

/** Draws `item` whenever needed, until the returned function is called. */
export function enrol(element: Element, item: Drawable): () => void {
  entries.set(element, { item, visible: false, dirty: true });
  observer.observe(element);
  return () => {
    observer.unobserve(element);
    entries.delete(element);
  };
}

export function drawAll(): void {
  for (const entry of entries.values()) entry.dirty = true;
  schedule();
}

export function drawSeries(id: number): void {
  for (const entry of entries.values()) if (entry.item.series?.includes(id)) entry.dirty = true;
  schedule();
}

function schedule(): void {
  if (scheduled) return;
  scheduled = true;
  requestAnimationFrame(frame);
}

function frame(): void {
  scheduled = false;
  const begin = performance.now();
  for (const [element, entry] of entries) {
    if (!entry.dirty || !entry.visible) continue;
    if (performance.now() - begin > budgetMs) return schedule();
    entry.dirty = false;
    // To the end of the line, so that all get their turn when time is short.
    entries.delete(element);
    entries.set(element, entry);
    entry.item.draw();
  }
}
