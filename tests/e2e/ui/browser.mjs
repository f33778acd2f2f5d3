// A browser for tests: starts Chromium, and notes everything that a page must not do.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const modules = new URL('../../../web/ui/node_modules/', import.meta.url);
export const chromiumPath = process.env.CHROMIUM ?? '/usr/bin/chromium';
export const axePath = fileURLToPath(new URL('axe-core/axe.min.js', modules));

/** What is missing to run at all, as a sentence, or null. */
export function missing() {
  if (!existsSync(chromiumPath)) return `no browser at ${chromiumPath}; install chromium or set CHROMIUM`;
  if (!existsSync(new URL('playwright-core/index.mjs', modules)) || !existsSync(axePath))
    return 'web/ui/node_modules is missing; run npm ci --ignore-scripts in web/ui';
  return null;
}

export async function launch() {
  const { chromium } = await import(new URL('playwright-core/index.mjs', modules).href);
  return chromium.launch({
    executablePath: chromiumPath,
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync'],
  });
}

/** A fresh page; `faults` fills with requests to other hosts, errors and CSP violations. */
export async function openPage(browser, origin, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, colorScheme: 'dark', ignoreHTTPSErrors: true, ...options });
  const page = await context.newPage();
  const faults = { otherHosts: [], console: [], csp: [] };
  const host = new URL(origin).host;
  const noteHost = (url) => {
    const to = new URL(url);
    if (!['data:', 'blob:'].includes(to.protocol) && to.host !== host) faults.otherHosts.push(url);
  };
  page.on('request', (r) => noteHost(r.url()));
  page.on('websocket', (s) => noteHost(s.url()));
  page.on('console', (m) => m.type() === 'error' && faults.console.push(m.text()));
  page.on('pageerror', (e) => faults.console.push(e.message));
  await page.exposeFunction('noteCspViolation', (text) => faults.csp.push(text));
  await page.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (e) => window.noteCspViolation(`${e.violatedDirective} ${e.blockedURI}`));
  });
  return { context, page, faults };
}
