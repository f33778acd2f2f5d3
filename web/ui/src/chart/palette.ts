// Colours come from the style sheet's custom properties, so that a canvas follows the
// theme (and forced colours) like everything else.

const cache = new Map<string, string>();

export function colour(name: string): string {
  let value = cache.get(name);
  if (value === undefined) {
    value = getComputedStyle(document.documentElement).getPropertyValue(name).trim() || '#888';
    cache.set(name, value);
  }
  return value;
}

export function forgetColours(): void {
  cache.clear();
}

/** The same colour, `alpha` of it. Understands #rrggbb; others are returned as they are. */
export function translucent(value: string, alpha: number): string {
  if (!/^#[0-9a-f]{6}$/i.test(value)) return value;
  return value + Math.round(alpha * 255).toString(16).padStart(2, '0');
}
