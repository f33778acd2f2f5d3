// Saving and loading of PANE WINDOWS: arrays of plain structs, then the further
// aggregates that they name. Layout: analytics/SNAPSHOT.md.
#include "analytics/pane_windows.hpp"
#include "analytics/snapshot_io.hpp"

namespace weir::analytics {

struct pane_windows::loading {
  array_view<key_state> key_states;
  array_view<key_marks> marks;
  array_view<pane> pool;
  array_view<saved_run> runs; // By slot, ascending.
  std::size_t next_run = 0;
  std::vector<std::string_view> extended;
};

/// The panes of the pool in the order of their keys, so that loading reads them one
/// after another; keys go out with links that fit.
void pane_windows::save(std::string& out) const {
  byte_writer writer{out};
  std::vector<pane> panes;
  panes.reserve(pool_.size() - free_panes_.size());
  std::vector<key_state> scratch;
  writer.put(static_cast<std::uint64_t>(keys_.size()));
  keys_.for_each_run([&](const key_state* run, std::size_t n) {
    scratch.assign(run, run + n);
    for (std::size_t k = 0; k < n; ++k) {
      if (k + 8 < n && scratch[k + 8].older != none)
        __builtin_prefetch(&pool_[scratch[k + 8].older], 0);
      auto* link = &scratch[k].older;
      for (auto i = *link; i != none;) {
        *link = static_cast<std::uint32_t>(panes.size());
        panes.push_back(pool_[i]);
        i = panes.back().next;
        link = &panes.back().next; // `panes` has its memory already.
      }
    }
    put_array(out, scratch.data(), n);
  });
  writer.put(static_cast<std::uint64_t>(marks_.size()));
  marks_.for_each_run(
    [&](const key_marks* run, std::size_t n) { put_array(out, run, n); });
  put_counted(out, panes);
  std::vector<saved_run> runs;
  for (std::uint32_t slot = 0; slot < runs_.size(); ++slot)
    if (const auto& run = runs_[slot]; run && run->is_valid && !run->panes.empty())
      runs.push_back({slot, static_cast<std::uint32_t>(run->panes.older_size()),
                      run->panes.front().window.start_ns, run->pushed_until_ns});
  put_counted(out, runs);
  writer.put(static_cast<std::uint64_t>(extended_.slots()));
  for (std::uint32_t i = 0; i < extended_.slots(); ++i)
    extended_.save(i, writer);
}

bool pane_windows::begin_load(std::string_view bytes) {
  auto state = std::make_unique<loading>();
  byte_reader in{bytes};
  state->key_states = get_counted<key_state>(in);
  state->marks = get_counted<key_marks>(in);
  state->pool = get_counted<pane>(in);
  state->runs = get_counted<saved_run>(in);
  auto extended = in.get<std::uint64_t>();
  for (std::uint64_t i = 0; i < extended && in.ok(); ++i)
    state->extended.push_back(in.get_text());
  if (!in.ok() || !in.at_end() || state->marks.size() != state->key_states.size())
    return false;
  pool_.reserve(pool_.size() + state->pool.size());
  loading_ = {state.release(), [](loading* x) { delete x; }};
  return true;
}

bool pane_windows::load_slot(std::uint32_t from, std::uint32_t slot) {
  auto& saved = *loading_;
  if (from >= saved.marks.size())
    return false;
  auto load_extended = [&](std::uint32_t index) {
    return index < saved.extended.size() ? extended_.load(saved.extended[index])
                                         : extended_.take();
  };
  auto series = keys_[slot].series;
  auto tag = keys_[slot].tag;
  auto& key = keys_[slot];
  key = saved.key_states[from];
  key.series = series;
  key.tag = tag;
  auto older = key.older;
  key.older = none;
  if (key.newest.count != 0)
    key.extended = load_extended(key.extended);
  else
    key.extended = extended_pool::none;
  marks_[slot] = saved.marks[from];
  auto before = none;
  // A list cannot be longer than the pool: damaged links must not go round for ever.
  for (std::size_t steps = 0; older < saved.pool.size() && steps < saved.pool.size();
       ++steps) {
    auto x = saved.pool[older];
    older = x.next;
    x.extended = load_extended(x.extended);
    x.next = none;
    auto index = take_pane();
    pool_[index] = x;
    (before == none ? key.older : pool_[before].next) = index;
    before = index;
  }
  load_run(from, slot);
  return true;
}

/// The aggregate as it was, cut at the same place: its sums have the same last bits.
void pane_windows::load_run(std::uint32_t from, std::uint32_t slot) {
  auto& saved = *loading_;
  while (saved.next_run < saved.runs.size() && saved.runs[saved.next_run].slot < from)
    ++saved.next_run;
  if (!has_runs())
    return;
  auto& run = run_of(slot);
  run.oldest_last_end_ns = time_never; // Not known: drop_done() finds out.
  if (saved.next_run == saved.runs.size() || saved.runs[saved.next_run].slot != from)
    return;
  auto x = saved.runs[saved.next_run];
  run.is_valid = true;
  run.pushed_until_ns = x.begin_ns;
  push_panes(slot, run, x.pushed_until_ns);
  run.panes.split(x.older);
}

void pane_windows::end_load() {
  loading_.reset();
}

} // namespace weir::analytics
