// Looks at the page of a running weir-central with a real browser.
//   node ui_test.mjs --url URL_WITH_TOKEN [--out DIR] [--patience SECONDS]
//     [--restart-cmd COMMAND [--link-cmd COMMAND]]
// The system must be up, with a session token in the link, events flowing, and something
// that makes anomalies and alerts. --restart-cmd restarts the server behind the same URL,
// --link-cmd prints a new link (where a restart ends the sessions).
// Exit: 0 all passed, 1 something failed, 77 the browser or its driver is missing.
import { execSync, spawn } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { axePath, launch, missing, openPage } from './browser.mjs';

const { values: args } = parseArgs({
  options: {
    url: { type: 'string', default: process.env.WEIR_UI_URL ?? '' },
    out: { type: 'string', default: process.env.WEIR_UI_OUT ?? '' },
    patience: { type: 'string', default: '90' },
    'restart-cmd': { type: 'string', default: '' },
    'link-cmd': { type: 'string', default: '' },
  },
});
if (!args.url) {
  console.error('usage: node ui_test.mjs --url URL_WITH_TOKEN [--out DIR] [--patience SECONDS] [--restart-cmd COMMAND [--link-cmd COMMAND]]');
  process.exit(1);
}
const lack = missing();
if (lack) {
  console.log(`skipped: ${lack}`);
  process.exit(77);
}
if (args.out) mkdirSync(args.out, { recursive: true });
const patienceMs = Number(args.patience) * 1000;
const origin = new URL(args.url).origin;

let passed = 0;
let failed = 0;

/** Runs one check; its function throws, or returns false, when it fails. A text is shown. */
async function check(name, run) {
  try {
    const result = await run();
    if (result === false) throw new Error('not so');
    passed++;
    console.log(`ok      ${name}${typeof result === 'string' ? ` (${result})` : ''}`);
    return true;
  } catch (error) {
    failed++;
    console.log(`FAILED  ${name}: ${String(error.message ?? error).split('\n')[0]}`);
    return false;
  }
}

/** Waits until `probe` gives something true, and returns it. */
async function until(what, probe, limitMs = 20_000) {
  const end = Date.now() + limitMs;
  for (;;) {
    const value = await probe();
    if (value) return value;
    if (Date.now() > end) throw new Error(`${what}: not within ${limitMs / 1000} s`);
    await new Promise((r) => setTimeout(r, 100));
  }
}

const browser = await launch();
const { page, faults } = await openPage(browser, origin);

const text = (selector) => page.locator(selector).first().textContent({ timeout: 2000 }).catch(() => '');
const number = async (selector) => {
  const shown = ((await text(selector)) ?? '').replaceAll(',', '').trim();
  return parseFloat(shown) * (shown.endsWith('M') ? 1e6 : shown.endsWith('G') ? 1e9 : 1);
};
const attribute = (selector, name) => page.locator(selector).first().getAttribute(name, { timeout: 2000 }).catch(() => null);
const isLive = () => page.locator('[data-connection="live"]').count();
const seriesChart = '[data-panel="series"] .chart';

async function screenshot(name) {
  if (args.out) await page.screenshot({ path: join(args.out, `${name}.png`) });
}

/** Pixels of a chart's canvas that are not clear, and how many colours they have. */
function litPixels(selector) {
  return page.evaluate((s) => {
    const canvas = document.querySelector(`${s} canvas`);
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    let lit = 0;
    const colours = new Set();
    for (let i = 0; i < data.length; i += 4) {
      if (data[i + 3] < 64) continue;
      lit++;
      colours.add((data[i] >> 4 << 8) | (data[i + 1] >> 4 << 4) | (data[i + 2] >> 4));
    }
    return { lit, colours: colours.size };
  }, selector);
}

const axeSource = readFileSync(axePath, 'utf8');

async function axe(on = page) {
  if (!(await on.evaluate('typeof axe !== "undefined"'))) await on.evaluate(axeSource);
  const violations = await on.evaluate(async () => {
    const result = await axe.run(document, { resultTypes: ['violations'] });
    return result.violations.map((v) => `${v.id} (${v.nodes.length}): ${v.nodes[0].html.slice(0, 120)}`);
  });
  if (violations.length > 0) throw new Error(violations.join('; '));
}

async function withoutSession() {
  const other = await openPage(browser, origin);
  await other.page.goto(`${origin}/`);
  await check('without a session the page says how to get one', () =>
    until('the sign-in page', async () => (await other.page.locator('.sign-in code').textContent().catch(() => '')) === 'weir link'));
  await check('the sign-in page has no accessibility violation', () => axe(other.page));
  await check('a wrong token is refused with a sentence', async () => {
    await other.page.locator('#sign-in-token').fill('not-a-token');
    await other.page.keyboard.press('Enter');
    return until('a message', async () => ((await other.page.locator('#sign-in-error').textContent()) ?? '').length > 10);
  });
  await other.context.close();
}

async function liveData() {
  const response = await page.goto(args.url);
  await check('the page allows no inline script or style', () => {
    const csp = response.headers()['content-security-policy'] ?? '';
    if (!csp.includes("script-src 'self'") || csp.includes('unsafe')) throw new Error(`Content-Security-Policy is "${csp}"`);
  });
  await check('the state becomes Live', () => until('Live', isLive));
  await check('the token is gone from the address', () => !page.url().includes('token'));
  await check('an edge is up', () => until('a tile', () => page.locator('[data-edge] .edge-up').count(), patienceMs));
  await check('events per second are above 0', () => until('a rate', async () => (await number('[data-value="events_per_s"]')) > 0, patienceMs));
  await check('the number of events grows', async () => {
    const before = await number('[data-value="events"]');
    return until('growth', async () => (await number('[data-value="events"]')) > before, 30_000);
  });
  await check('the chart of rates gets a point each second', async () => {
    await until('a chart', () => attribute('[data-panel="rate"] .chart', 'data-points'));
    const before = Number(await attribute('[data-panel="rate"] .chart', 'data-points'));
    return until('3 more', async () => Number(await attribute('[data-panel="rate"] .chart', 'data-points')) >= before + 3, 15_000);
  });
  await check('series are chosen by itself and drawn', async () => {
    await until('points', async () => Number(await attribute(seriesChart, 'data-points')) > 1, patienceMs);
    const { lit, colours } = await until('pixels', async () => {
      const found = await litPixels(seriesChart);
      return found.lit > 500 && found.colours > 3 && found;
    });
    return `${lit} lit pixels, ${colours} colours`;
  });
  await check('the chosen series are in the address', () => /#.*s=\d/.test(page.url()));
  await check('new points arrive on the chart', async () => {
    const before = Number(await attribute(seriesChart, 'data-newest'));
    return until('a newer point', async () => Number(await attribute(seriesChart, 'data-newest')) > before, patienceMs);
  });
  await check('the legend follows', async () => {
    const legend = () => page.locator('.legend tbody').first().textContent();
    const before = await legend();
    return until('a change', async () => (await legend()) !== before);
  });
  await check('each chart has a name and a summary in words', async () => {
    const charts = await page.locator('.chart').evaluateAll((all) => all.map((c) => [
      c.getAttribute('aria-label'), document.getElementById(c.getAttribute('aria-describedby') ?? '')?.textContent ?? '']));
    const bad = charts.filter(([name, summary]) => !name || !/last .*mean/.test(summary) && !/no data/.test(summary));
    if (charts.length < 2 || bad.length > 0) throw new Error(JSON.stringify(bad));
  });
  await check('the chart can be read as a table', async () => {
    await page.locator('[data-panel="series"] details summary').click();
    const rows = await until('rows', () => page.locator('[data-panel="series"] .points tbody tr').count());
    await axe();
    await page.locator('[data-panel="series"] details summary').click();
    return `${rows} rows`;
  });
}

async function faultsOfTheField() {
  await check('an alert appears', async () => {
    await until('an alert', () => page.locator('[data-alert]').count(), patienceMs);
    return ((await text('[data-alert] .row-title')) ?? '').slice(0, 80);
  });
  await check('an anomaly appears', () => until('an anomaly', () => page.locator('[data-anomaly]').count(), patienceMs).then((n) => `${n} rows`));
  await check('a click on an anomaly shows its series, with the mark on the chart', async () => {
    const row = page.locator('[data-anomaly]').first();
    const id = await row.getAttribute('data-anomaly', { timeout: 2000 });
    await row.locator('button').click();
    await until('its legend', () => page.locator(`[data-series="${id}"]`).count());
    const lane = page.locator(`.lane:has([data-series="${id}"]) .chart`);
    await lane.scrollIntoViewIfNeeded();
    return until('a mark', async () => Number(await lane.getAttribute('data-marks')) > 0).then(() => `series ${id}`);
  });
  await page.evaluate(() => scrollTo(0, 0));
}

async function keyboard() {
  await page.evaluate(() => document.activeElement?.blur());
  await check('? shows the shortcuts, Escape closes them', async () => {
    await page.keyboard.press('?');
    await until('the dialog', () => page.locator('dialog[open]').count());
    await axe();
    await page.keyboard.press('Escape');
    return until('closed', async () => (await page.locator('dialog[open]').count()) === 0);
  });
  await check('l shows the ledger of an edge, and its books balance', async () => {
    await page.keyboard.press('l');
    await until('the sums', () => page.locator('.ledger [data-balance]').count());
    const verdicts = await page.locator('.ledger [data-balance]').evaluateAll((all) => all.map((x) => x.dataset.balance));
    if (verdicts.some((x) => x !== 'ok')) throw new Error(`balances: ${verdicts.join(', ')}`);
    await page.locator('.ledger summary').first().click();
    await until('ranges', () => page.locator('.ledger tbody tr th').count());
    await axe();
    await screenshot('ledger');
    await page.keyboard.press('Escape');
    await until('closed', async () => (await page.locator('dialog[open]').count()) === 0);
    await page.locator('[data-edge] .tile-foot button').first().press('Enter');
    await until('open again', () => page.locator('.ledger[open]').count());
    await page.keyboard.press('Escape');
    await until('closed again', async () => (await page.locator('dialog[open]').count()) === 0);
    // The focus is back on the button, where space and Enter are the button's own.
    await page.evaluate(() => document.activeElement?.blur());
    return verdicts.length + ' sums';
  });
  await check('space pauses the charts and goes on', async () => {
    await page.keyboard.press(' ');
    await until('paused', async () => (await attribute('.pause', 'aria-pressed')) === 'true');
    await page.waitForTimeout(300);
    const newest = await attribute('[data-panel="rate"] .chart', 'data-newest');
    await page.waitForTimeout(3000);
    if ((await attribute('[data-panel="rate"] .chart', 'data-newest')) !== newest) throw new Error('the chart moved on');
    await page.keyboard.press(' ');
    return until('newer points', async () => (await attribute('[data-panel="rate"] .chart', 'data-newest')) !== newest);
  });
  await check('/ goes to the search, which finds and chooses series', async () => {
    await page.keyboard.press('/');
    await until('focus', () => page.evaluate(() => document.activeElement?.id === 'series-search'));
    await until('options', () => page.locator('[role="option"]').count());
    await axe();
    const option = page.locator('[role="option"]').first();
    const before = await option.getAttribute('aria-selected');
    await page.keyboard.press('Enter');
    const changed = async () => (await option.getAttribute('aria-selected')) !== before;
    const full = (await option.getAttribute('aria-disabled')) === 'true';
    if (!full) {
      await until('a choice', changed);
      await page.keyboard.press('Enter');
      await until('the choice undone', async () => !(await changed()));
    }
    await page.keyboard.press('Escape');
    await page.keyboard.press('Escape');
    await until('closed', async () => (await attribute('#series-search', 'aria-expanded')) === 'false');
    await page.evaluate(() => document.activeElement?.blur());
  });
  await check('t changes the theme', async () => {
    const theme = () => page.evaluate(() => document.documentElement.dataset.theme);
    const seen = [];
    for (let i = 0; i < 3; i++) {
      await page.keyboard.press('t');
      await page.waitForTimeout(100);
      seen.push(await theme());
    }
    if (seen.join() !== 'dark,light,dark') throw new Error(`themes were ${seen.join()}`);
  });
  await check('the Tab key reaches the controls, visibly', async () => {
    const names = new Set();
    await page.locator('.skip').focus();
    for (let i = 0; i < 30; i++) {
      await page.keyboard.press('Tab');
      const at = await page.evaluate(() => {
        const e = document.activeElement;
        return e === document.body ? null : [e.textContent?.trim() || e.id, getComputedStyle(e).outlineStyle];
      });
      if (at === null) break; // Past the last control.
      if (at[1] === 'none') throw new Error(`no outline on "${at[0]}"`);
      names.add(at[0]);
    }
    for (const name of ['5 min', 'Pause', 'series-search']) if (!names.has(name)) throw new Error(`${name} was not reached`);
    await page.evaluate(() => document.activeElement?.blur());
  });
}

async function looks() {
  for (const theme of ['dark', 'light']) {
    await page.emulateMedia({ colorScheme: theme });
    for (const [width, height] of [[1440, 900], [900, 900], [390, 844]]) {
      await page.setViewportSize({ width, height });
      await page.evaluate(() => scrollTo(0, 0));
      await page.waitForTimeout(700);
      await check(`no accessibility violation in ${theme} at ${width} px`, () => axe());
      await check(`nothing sticks out in ${theme} at ${width} px`, async () => {
        const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        if (over > 0) throw new Error(`${over} px too wide`);
      });
      await screenshot(`overview-${theme}-${width}`);
    }
  }
  await page.setViewportSize({ width: 1440, height: 900 });
  await page.emulateMedia({ colorScheme: 'dark' });
}

async function sharing() {
  await check('the address shows the same series again', async () => {
    const ids = () => page.locator('[data-series]').evaluateAll((rows) => rows.map((r) => r.dataset.series).sort().join());
    const before = await ids();
    await page.reload();
    await until('the same series', async () => before !== '' && (await ids()) === before);
    return until('Live', isLive).then(() => `series ${before}`);
  });
}

/** A restart may end all sessions: then the page says so, keeps its data, and takes a new link. */
async function signInAgain() {
  if (!args['link-cmd']) throw new Error('the session has ended; give --link-cmd to sign in again');
  const link = execSync(args['link-cmd'], { encoding: 'utf8' }).trim();
  await page.locator('#sign-in-token').fill(link);
  await page.locator('#sign-in-token').press('Enter');
}

async function restart() {
  const consoleBefore = faults.console.length;
  await check('a restart of the server is seen, what is shown stays, and the page is live again', async () => {
    const newest = Number(await attribute(seriesChart, 'data-newest'));
    const child = spawn(args['restart-cmd'], { shell: true, stdio: 'ignore' });
    await until('the loss', async () => !(await isLive()), 15_000);
    const begin = Date.now();
    const ended = () => page.locator('.sign-in.is-banner').count();
    await until('Live, or the end of the session', async () => (await isLive()) || (await ended()), 60_000);
    if (!(Number(await attribute(seriesChart, 'data-points')) > 1)) throw new Error('the chart went blank');
    const signedOut = (await ended()) > 0;
    if (signedOut) {
      await axe();
      await signInAgain();
      await until('Live', isLive, 15_000);
    }
    const backMs = Date.now() - begin;
    await until('newer points', async () => Number(await attribute(seriesChart, 'data-newest')) > newest, patienceMs);
    if (child.exitCode) throw new Error(`the restart command ended with ${child.exitCode}`);
    return `back ${backMs} ms after it was lost${signedOut ? ', with a new link' : ''}`;
  });
  await check('no point is doubled by the reconnect', async () => {
    await page.locator('[data-panel="series"] details summary').click();
    await until('rows', () => page.locator('[data-panel="series"] .points tbody tr').count());
    const times = await page.locator('[data-panel="series"] .points tbody th').allTextContents();
    if (new Set(times).size !== times.length) throw new Error(times.join());
  });
  faults.console.length = consoleBefore; // A browser reports each refused connection.
}

await withoutSession();
await liveData();
await faultsOfTheField();
await keyboard();
await looks();
await sharing();
if (args['restart-cmd']) await restart();
await check('no request went to another host', () => {
  if (faults.otherHosts.length > 0) throw new Error(faults.otherHosts.join(' '));
});
await check('the console shows no error', () => {
  if (faults.console.length > 0) throw new Error(faults.console.join(' | '));
});
await check('nothing was blocked by the content security policy', () => {
  if (faults.csp.length > 0) throw new Error(faults.csp.join(' | '));
});
await browser.close();
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed > 0 ? 1 : 0);
