// The page before a session, and the list of keys.
import { useEffect, useRef, useState } from 'react';
import { signIn } from '../app/controller';
import { setState, useApp } from '../app/state';

export function SignIn({ banner }: { banner: boolean }) {
  const reason = useApp((s) => s.signedOut);
  const [text, setText] = useState('');
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState('');
  const submit = async (): Promise<void> => {
    if (text.trim() === '') return setError('Paste the link or the token first.');
    setBusy(true);
    setError('');
    const taken = await signIn(text);
    setBusy(false);
    if (!taken) setError('That link was not accepted: it works once, for 15 minutes. Make a new one.');
  };
  return (
    <section className={banner ? 'sign-in is-banner' : 'sign-in'} aria-labelledby="sign-in-title">
      <h2 id="sign-in-title">{banner ? 'Your session has ended' : 'Sign in'}</h2>
      <p>Run this on the server, and open the link that it prints, or paste it here. It works once, for 15 minutes.</p>
      <pre><code>weir link</code></pre>
      <form noValidate onSubmit={(e) => { e.preventDefault(); void submit(); }}>
        <label htmlFor="sign-in-token">One-time link or token</label>
        <div className="field">
          <input id="sign-in-token" type="text" autoFocus={!banner} autoComplete="off" spellCheck={false} value={text} aria-invalid={error !== ''}
            aria-describedby="sign-in-error" onInput={(e) => setText(e.currentTarget.value)} />
          <button type="submit" className="button primary" disabled={busy}>{busy ? 'Signing in' : 'Sign in'}</button>
        </div>
        <p id="sign-in-error" className="form-error" role="alert">{error || (reason ?? '')}</p>
      </form>
    </section>
  );
}

const keys: [string, string][] = [
  ['Space', 'pause the charts, and go on'],
  ['/', 'find a series'],
  ['↑ ↓ Enter', 'in the search: move, choose or remove'],
  ['[ and ]', 'shorter, longer time range'],
  ['l', 'the ledger of an edge'],
  ['t', 'theme: system, dark, light'],
  ['?', 'this list'],
  ['Esc', 'close'],
];

export function Help() {
  const open = useApp((s) => s.helpOpen);
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    if (open && !dialog.current?.open) dialog.current?.showModal();
    if (!open && dialog.current?.open) dialog.current.close();
  }, [open]);
  return (
    <dialog ref={dialog} className="help" aria-labelledby="help-title" onClose={() => setState({ helpOpen: false })}
      onClick={(e) => e.target === dialog.current && setState({ helpOpen: false })}>
      <div className="help-body">
        <header className="panel-head">
          <h2 id="help-title">Keyboard shortcuts</h2>
          <div className="panel-side">
            <button type="button" className="button" onClick={() => setState({ helpOpen: false })}>Close</button>
          </div>
        </header>
        <dl>{keys.map(([key, what]) => <div key={key}><dt><kbd>{key}</kbd></dt><dd>{what}</dd></div>)}</dl>
      </div>
    </dialog>
  );
}
