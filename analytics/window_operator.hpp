// What cuts one view's windows: the interface that all window kinds share.
//
//   pane_windows     tumbling, hopping, calendar: order does not matter, late events
//                    correct windows that were sent
//   ordered_windows  session, count, state, sliding: events are put in order first, so
//                    their windows wait for the allowed lateness and are never corrected
//
// Pure arithmetic: no clock, no thread, no I/O. Keys are dense slots that the caller
// gives out; summaries carry the key's series.
#pragma once

#include "analytics/extended_pool.hpp"
#include "analytics/open_window.hpp"
#include "analytics/records.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir::analytics {

inline constexpr std::int64_t time_never = INT64_MIN;
inline constexpr std::int64_t time_forever = INT64_MAX;

/// How far event time has come for one key.
struct window_clock {
  /// All events before it are believed to have been seen: a window whose end is not
  /// after it is closed and sent.
  std::int64_t watermark_ns = time_never;

  /// The watermark less the allowed lateness: a window whose end is not after it
  /// takes nothing more. An event is late if that is so of all windows that it would
  /// be in; where windows overlap, the others take it.
  std::int64_t horizon_ns = time_never;
};

/// What conditions said of an event, evaluated where its series is known.
enum event_mark : std::uint32_t {
  mark_open = 1,    ///< open_when holds (state windows).
  mark_close = 2,   ///< close_when holds (state windows).
  mark_trigger = 4, ///< Sends a window (sliding windows).
};

/// One event for one key.
struct keyed_event {
  std::int64_t time_ns = 0;
  double value = 0.0;
  series_id series = 0; ///< Where it came from; for distinct and top.
  std::uint32_t marks = 0;
};

/// Counters of one view; they only grow.
struct window_counters {
  std::uint64_t windows = 0;   ///< Sent for the first time.
  std::uint64_t revisions = 0; ///< Corrections sent, because of late events.
  std::uint64_t early = 0;     ///< Sent before their time.
  std::uint64_t late = 0;      ///< Events that came too late for any window.
  std::uint64_t forced = 0;    ///< Events let through before their order was sure, or
                               ///< dropped from a sliding window, at a buffer's limit.
};

class window_operator {
public:
  virtual ~window_operator() = default;

  /// Makes `slot` (new, or erased before) the key of `series`.
  virtual void open(std::uint32_t slot, series_id series) = 0;

  /// Takes one event; windows that it closes go to `out`. False: too late.
  virtual bool add(std::uint32_t slot, const keyed_event& event,
                   const window_clock& clock, std::vector<summary>& out)
    = 0;

  /// Closes what the clock has passed, forgets what can no longer change.
  virtual void
  advance(std::uint32_t slot, const window_clock& clock, std::vector<summary>& out)
    = 0;

  /// Sends what is open although its time has not come: its source is silent, or it
  /// is to be evicted. State windows stay open unless `forget`, after which nothing
  /// is left but what tells a later event that it is late.
  virtual void close(std::uint32_t slot, bool forget, std::vector<summary>& out) = 0;

  /// The source has been silent for `silent_ns`, longer than the idle timeout. Windows
  /// that say themselves for how long they wait are not closed before that.
  virtual void close_silent(std::uint32_t slot, std::int64_t,
                            std::vector<summary>& out) {
    close(slot, false, out);
  }

  /// Sends, as corrections, the late events since the last call of windows that were sent.
  virtual void settle(std::vector<summary>& out) = 0;

  /// Sends what is open as early results.
  virtual void tell_early(std::uint32_t slot, std::vector<summary>& out) = 0;

  /// Frees the slot. @pre close(slot, true) came before.
  virtual void erase(std::uint32_t slot) = 0;

  virtual bool is_open(std::uint32_t slot) const = 0;

  /// Asks the memory for what the next event of `slot` will need.
  virtual void prefetch_slot(std::uint32_t) const {
  }

  /// Whether late events revise windows that were sent; else windows wait.
  virtual bool is_revisable() const {
    return false;
  }

  /// Memory that the keys hold.
  virtual std::size_t size_bytes() const = 0;

  /// State of all slots in a form that load() takes back; see analytics/SNAPSHOT.md.
  virtual void save(std::string& out) const = 0;

  /// Appends the series of the events that wait in it, perhaps more than once: their
  /// ids mean nothing in another process.
  virtual void list_series(std::vector<series_id>&) const {
  }

  /// What load_slot() makes of those: nothing where it is not known.
  using renaming = std::function<std::optional<series_id>(series_id)>;
  void set_renaming(renaming f) {
    renaming_ = std::move(f);
  }

  /// Takes the state of slot `from` of a saved operator into the open key `slot`.
  /// A saved operator is read once (parse) and then asked slot by slot.
  virtual bool begin_load(std::string_view bytes) = 0;
  virtual bool load_slot(std::uint32_t from, std::uint32_t slot) = 0;
  virtual void end_load() = 0;

  virtual window_counters counters() const {
    return counters_;
  }

protected:
  /// A loaded event of the key of `series`.
  keyed_event renamed(keyed_event event, series_id key) const {
    if (renaming_)
      event.series = renaming_(event.series).value_or(key);
    return event;
  }

  window_counters counters_;

private:
  renaming renaming_;
};

} // namespace weir::analytics
