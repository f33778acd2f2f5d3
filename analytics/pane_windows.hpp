// Tumbling, hopping and calendar windows. A hopping window is made of panes as wide
// as the greatest common divisor of width and slide (Li et al., "No pane, no gain",
// 2005): an event goes into one pane, whatever the width; a tumbling or calendar
// window is one pane.
//
// A key holds its newest pane in place, so that an ordinary event touches two cache
// lines that lie side by side; older panes (out of order, or kept for late events)
// stand in a pool.
#pragma once

#include "analytics/chunked_vector.hpp"
#include "analytics/sliding_aggregate.hpp"
#include "analytics/window_calendar.hpp"
#include "analytics/window_operator.hpp"

#include <memory>
#include <vector>

namespace weir::analytics {

struct pane_config {
  std::int64_t width_ns = 10'000'000'000;
  std::int64_t slide_ns = 10'000'000'000; ///< = width: tumbling. @pre at most width.
  std::int64_t offset_ns = 0;             ///< Window starts are multiples plus this.
  std::shared_ptr<const window_calendar> calendar{}; ///< Then nothing above counts.
};

/// Rounds towards negative infinity, also for times before 1970.
std::int64_t floor_to_multiple(std::int64_t time_ns, std::int64_t width_ns);

/// A complete pane in the aggregate of a key's next hopping window.
struct complete_pane {
  open_window window;
  std::int64_t end_ns = 0;
  std::uint32_t revision = 0;
};
inline void fold(open_window& into, const complete_pane& next) {
  fold(into, next.window);
}

class pane_windows final : public window_operator {
public:
  /// `facts` may be null where the plan needs none.
  pane_windows(pane_config config, const aggregate_plan& plan, fact_book* facts);

  void open(std::uint32_t slot, series_id series) override;

  bool add(std::uint32_t slot, const keyed_event& event, const window_clock& clock,
           std::vector<summary>& out) override {
    auto& key = keys_[slot];
    // One comparison tells "inside", also for a time before the start; `wake_ns` is
    // at most the end of the newest pane while that has not been sent.
    auto offset = static_cast<std::uint64_t>(event.time_ns - key.newest.start_ns);
    if (offset < key.fast_width && clock.watermark_ns < key.wake_ns) [[likely]] {
      key.newest.add(event.time_ns, event.value);
      if (key.extended != extended_pool::none)
        extended_.add(key.extended, event);
      return true;
    }
    return add_slowly(slot, event, clock, out);
  }

  /// An event that was late before it came here.
  void count_late(std::uint32_t slot) {
    ++keys_[slot].late_count;
    ++counters_.late;
  }

  /// Asks the memory for a key that will be needed soon. Always inline: to GCC a
  /// function that only prefetches has no effect, and its calls go.
  [[gnu::always_inline]] void prefetch(std::uint32_t slot) const {
    const auto* line = reinterpret_cast<const char*>(&keys_[slot]);
    __builtin_prefetch(line, 1);
    __builtin_prefetch(line + 64, 1);
  }

  /// The same for what hangs on it. @pre prefetch() came some time before.
  [[gnu::always_inline]] void prefetch_older(std::uint32_t slot) const {
    if (keys_[slot].older == none)
      return;
    const auto* line = reinterpret_cast<const char*>(&pool_[keys_[slot].older]);
    __builtin_prefetch(line, 1);
    __builtin_prefetch(line + 64, 1);
    __builtin_prefetch(&marks_[slot], 1);
  }

  void prefetch_slot(std::uint32_t slot) const override {
    prefetch(slot);
  }

  void advance(std::uint32_t slot, const window_clock& clock,
               std::vector<summary>& out) override;
  void close(std::uint32_t slot, bool forget, std::vector<summary>& out) override;
  void settle(std::vector<summary>& out) override;
  void tell_early(std::uint32_t slot, std::vector<summary>& out) override;
  void erase(std::uint32_t slot) override;
  bool is_open(std::uint32_t slot) const override {
    return keys_[slot].wake_ns != time_forever;
  }
  bool is_revisable() const override {
    return true;
  }
  std::size_t size_bytes() const override;
  void save(std::string& out) const override;
  bool begin_load(std::string_view bytes) override;
  bool load_slot(std::uint32_t from, std::uint32_t slot) override;
  void end_load() override;

  /// What a slot has that the caller has not tagged; also one that was not opened,
  /// but lies below one that was.
  static constexpr std::uint32_t no_tag = ~std::uint32_t{0};

  /// A number that the caller keeps with a slot, where it costs no further fetch.
  std::uint32_t tag(std::uint32_t slot) const {
    return keys_[slot].tag;
  }
  void set_tag(std::uint32_t slot, std::uint32_t tag) {
    keys_[slot].tag = tag;
  }

  /// The largest event time in `slot`, kept also while no window is open.
  std::int64_t last_time_ns(std::uint32_t slot) const {
    return keys_[slot].newest.last_ns;
  }
  std::size_t slots() const {
    return keys_.size();
  }

private:
  static constexpr std::uint32_t none = ~std::uint32_t{0};

  // Merging a few panes for each window is cheaper than keeping two stacks of them.
  static constexpr std::int64_t panes_merged_each_time = 8;

  struct alignas(128) key_state {
    open_window newest;
    std::uint64_t fast_width = 0;        // Of the newest pane; 0: take the slow way.
    std::int64_t wake_ns = time_forever; // The next end that is due to be sent.
    series_id series = 0;
    std::uint32_t older = none; // Panes in the pool, the newest first.
    std::uint32_t extended = extended_pool::none;
    std::uint32_t late_count = 0; // Since the last summary.
    std::uint32_t revision = 0;   // Of the newest pane.
    std::uint32_t tag = no_tag;   // The caller's.
  };
  static_assert(sizeof(key_state) == 128);

  struct key_marks {
    std::int64_t sent_until_ns = time_never;  // Windows that end by then are sent.
    std::int64_t taken_until_ns = time_never; // ... and take nothing more.
    // Revisions of the latter are sent before this moves past their end, while all
    // their panes are still there.
  };

  struct pane {
    open_window window;
    std::int64_t end_ns = 0;
    std::uint32_t next = none;
    std::uint32_t extended = extended_pool::none;
    std::uint32_t revision = 0;
    std::uint32_t unused = 0;
  };
  static_assert(sizeof(pane) == 112);

  /// Late events of one pane since the last settle(), for windows that were sent.
  struct late_part {
    std::uint32_t slot = 0;
    std::int64_t end_ns = 0;        // Of the pane.
    std::int64_t sent_until_ns = 0; // Later windows have them already.
    open_window window;
    std::uint32_t extended = extended_pool::none;
  };

  /// A pane in its key or in the pool, for reading.
  struct part {
    const open_window* window;
    std::uint32_t extended;
    std::uint32_t revision;
  };

  /// Of hopping windows with many panes: what the last window held, so that the next
  /// one costs what comes and goes, not all panes. Rebuilt after a late event.
  struct pane_run {
    sliding_aggregate<complete_pane> panes;
    std::int64_t pushed_until_ns = time_never;    // Panes that end by then are in it...
    bool is_valid = false;                        // ...if this says so.
    std::uint32_t revisions = 0;                  // Sum of the panes'.
    std::int64_t oldest_last_end_ns = time_never; // No pane of the key ends for good
                                                  // before it.
  };
  struct saved_run {
    std::uint32_t slot = 0;
    std::uint32_t older = 0;
    std::int64_t begin_ns = 0;
    std::int64_t pushed_until_ns = 0;
  };

  struct loading;

  bool has_runs() const {
    return !config_.calendar && config_.width_ns / pane_ns_ > panes_merged_each_time;
  }
  pane_run& run_of(std::uint32_t slot);
  void push_panes(std::uint32_t slot, pane_run& run, std::int64_t end_ns);
  open_window run_window(std::uint32_t slot, std::int64_t end_ns,
                         std::uint32_t& revision);
  bool is_worth_dropping(std::uint32_t slot, std::int64_t done_ns);
  bool send_next(std::uint32_t slot, std::int64_t end_ns, std::vector<summary>& out);
  std::size_t runs_size_bytes() const;
  void load_run(std::uint32_t from, std::uint32_t slot);
  bool add_slowly(std::uint32_t slot, const keyed_event& event,
                  const window_clock& clock, std::vector<summary>& out);
  time_span pane_at(std::int64_t time_ns) const;
  std::int64_t first_end(std::int64_t pane_end_ns) const;
  std::int64_t last_end(const time_span& x) const;
  std::int64_t end_after(const time_span& x, std::int64_t after_ns) const;
  std::int64_t next_due(std::uint32_t slot, std::int64_t after_ns) const;
  void into_newest(std::uint32_t slot, const time_span& span, const keyed_event& event);
  std::uint32_t* into_older(std::uint32_t slot, const time_span& span,
                            const keyed_event& event);
  void send_due(std::uint32_t slot, std::int64_t watermark_ns,
                std::vector<summary>& out);
  bool send(std::uint32_t slot, std::int64_t end_ns, bool early,
            std::vector<summary>& out);
  void note_late(std::uint32_t slot, const time_span& span, const keyed_event& event);
  void send_correction(std::uint32_t slot, std::int64_t end_ns,
                       std::vector<summary>& out);
  time_span window_until(std::int64_t end_ns) const;
  summary& send_parts(std::uint32_t slot, const time_span& window,
                      std::uint32_t revision, bool early, std::vector<summary>& out);
  void drop_done(std::uint32_t slot, bool at_once);
  void finish(std::uint32_t slot, open_window whole, const time_span& window,
              std::uint32_t revision, bool early, std::vector<summary>& out);
  void drop_newest(key_state& key);
  std::uint32_t take_pane();
  void give_pane(std::uint32_t index);
  void collect(const key_state& key, const time_span& window);
  void set_fast(key_state& key, const key_marks& marks);

  const pane_config config_;
  const std::int64_t pane_ns_;
  extended_pool extended_;
  chunked_vector<key_state> keys_;
  chunked_vector<key_marks> marks_;
  chunked_vector<std::unique_ptr<pane_run>> runs_; // By slot; empty without has_runs().
  std::vector<pane> pool_;
  std::vector<std::uint32_t> free_panes_;
  std::vector<late_part> late_;
  std::int64_t late_end_ns_ = time_forever; // The first end of a window of late_.
  std::vector<part> parts_;                 // Scratch of send().
  mutable time_span calendar_span_{0, 0};
  std::unique_ptr<loading, void (*)(loading*)> loading_;
};

} // namespace weir::analytics
