import { createRoot } from 'react-dom/client';
import { start } from './app/controller';
import { listenToKeys } from './app/keys';
import { loadPreferences } from './app/preferences';
import { useApp } from './app/state';
import { isOpen } from './data/records';
import './style.css';
import { App } from './view/app';

loadPreferences();
listenToKeys();
// What fires is seen in the tab's title too.
useApp.subscribe((s, before) => {
  if (s.alerts === before.alerts) return;
  const open = s.alerts.filter(isOpen).length;
  document.title = open > 0 ? `(${open}) Weir` : 'Weir';
});
createRoot(document.getElementById('app')!).render(<App />);
void start();
