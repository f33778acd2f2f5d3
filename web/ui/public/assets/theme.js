// Runs before the first paint, so that the page never flashes in the wrong theme.
(function () {
  var choice = 'system';
  try {
    choice = localStorage.getItem('weir.theme') || 'system';
  } catch (e) {
    // Storage is blocked: the system's theme it is.
  }
  var dark = choice === 'dark'
    || (choice !== 'light' && matchMedia('(prefers-color-scheme: dark)').matches);
  document.documentElement.dataset.theme = dark ? 'dark' : 'light';
})();
