import { useApp } from '../app/state';
import { Help, SignIn } from './dialogs';
import { Fleet, HealthStrip } from './fleet';
import { Header, Notice, Stripe } from './header';
import { Ledger } from './ledger';
import { Alerts, Anomalies } from './lists';
import { RatePanel } from './rate_panel';
import { SeriesPanel } from './series_panel';

export function App() {
  const signedOut = useApp((s) => s.signedOut !== null);
  const empty = useApp((s) => s.totals === null);
  const announcement = useApp((s) => s.announcement);
  const bare = signedOut && empty;
  const version = useApp((s) => s.version);
  return (
    <>
      <a className="skip" href="#main" onClick={(e) => { e.preventDefault(); document.getElementById('main')?.focus(); }}>Skip to the content</a>
      <Header bare={bare} />
      <p className="sr-only" role="status">{announcement}</p>
      <main id="main" tabIndex={-1}>
        {bare ? <SignIn banner={false} /> : (
          <>
            {signedOut && <SignIn banner />}
            <Stripe />
            <Notice />
            <div className="grid">
              <HealthStrip />
              <Fleet />
              <RatePanel />
              <SeriesPanel />
              <div className="side">
                <Alerts />
                <Anomalies />
              </div>
            </div>
          </>
        )}
      </main>
      {version !== '' && <footer className="foot">Weir {version} · all times are the server’s</footer>}
      <Help />
      <Ledger />
    </>
  );
}
