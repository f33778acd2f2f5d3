// Windows whose boundaries depend on the order of events: session, count, state and
// sliding windows. Each key has a reorder buffer: events wait until the watermark,
// less the allowed lateness, has passed them, and then come in order of time (of two
// with the same time: in order of arrival). So an event within the allowed lateness
// is simply in its window, and no window that was sent is ever revised.
#pragma once

#include "analytics/chunked_vector.hpp"
#include "analytics/reorder_buffer.hpp"
#include "analytics/sliding_aggregate.hpp"
#include "analytics/window_operator.hpp"

#include <memory>
#include <vector>

namespace weir::analytics {

/// The part that all four kinds share: order and lateness. Kinds get events in order.
class ordered_windows : public window_operator {
public:
  ordered_windows(const aggregate_plan& plan, fact_book* facts)
    : extended_(plan, facts) {
  }

  void open(std::uint32_t slot, series_id series) final;
  bool add(std::uint32_t slot, const keyed_event& event, const window_clock& clock,
           std::vector<summary>& out) final;
  void advance(std::uint32_t slot, const window_clock& clock,
               std::vector<summary>& out) final;
  void close(std::uint32_t slot, bool forget, std::vector<summary>& out) final;
  void settle(std::vector<summary>&) final {
  }
  void tell_early(std::uint32_t, std::vector<summary>&) final {
    // The end of these windows is not known before it has come.
  }
  void erase(std::uint32_t slot) final;
  bool is_open(std::uint32_t slot) const final {
    return !order_[slot].queue.empty() || kind_is_open(slot);
  }
  void prefetch_slot(std::uint32_t slot) const final {
    order_[slot].queue.prefetch();
    kind_prefetch(slot);
  }
  std::size_t size_bytes() const final;
  void save(std::string& out) const final;
  void list_series(std::vector<series_id>& out) const final;
  bool begin_load(std::string_view bytes) final;
  bool load_slot(std::uint32_t from, std::uint32_t slot) final;
  void end_load() final;

protected:
  virtual void kind_open(std::uint32_t slot) = 0;
  virtual void kind_erase(std::uint32_t slot) = 0;
  virtual bool kind_is_open(std::uint32_t slot) const = 0;
  virtual void kind_prefetch(std::uint32_t) const {
  }

  /// The next event; not earlier than the one before.
  virtual void
  on_event(std::uint32_t slot, const keyed_event& event, std::vector<summary>& out)
    = 0;

  /// No event before `time_ns` will come any more.
  virtual void
  on_time(std::uint32_t slot, std::int64_t time_ns, std::vector<summary>& out)
    = 0;

  /// The source is silent, or (`forget`) the key goes.
  virtual void on_close(std::uint32_t slot, bool forget, std::vector<summary>& out) = 0;

  virtual void kind_save(std::uint32_t slot, byte_writer& out) const = 0;
  virtual bool kind_load(std::uint32_t slot, byte_reader& in) = 0;
  virtual void kind_list_series(std::vector<series_id>&) const {
  }
  virtual std::size_t kind_size_bytes() const = 0;

  /// A run of events, the further aggregates included.
  struct open_run {
    open_window window; // count 0: not open.
    std::uint32_t extended = extended_pool::none;
    std::uint32_t more = 0; // The kind's own.
  };
  void add_to(open_run& run, const keyed_event& event);
  keyed_event loaded(std::uint32_t slot, const keyed_event& event) const {
    return renamed(event, order_[slot].series);
  }

  /// Sends `run` as a window [start, end), and empties it.
  void send(std::uint32_t slot, open_run& run, std::int64_t end_ns,
            std::vector<summary>& out);
  summary& send(std::uint32_t slot, const open_window& window, std::int64_t start_ns,
                std::int64_t end_ns, std::vector<summary>& out);
  static void save_aggregate(const sliding_aggregate<keyed_event>& x, byte_writer& out);
  void load_aggregate(std::uint32_t slot, sliding_aggregate<keyed_event>& x,
                      byte_reader& in) const;
  void save_run(const open_run& run, byte_writer& out) const;
  void load_run(open_run& run, byte_reader& in);

  extended_pool extended_;

private:
  struct key_order {
    reorder_queue queue;
    std::int64_t last_start_ns = time_never; // No two windows start together.
    series_id series = 0;
    std::uint32_t late_count = 0;
  };

  chunked_vector<key_order> order_;
  std::vector<std::string_view> loading_;
};

/// Per key: events with less than `gap` between them. Windows are [first, last + gap),
/// and cut at `length_max`. A silent source ends its session when it was silent for
/// `gap` too: a device that sends every 20 s is in one session, idle or not.
class session_windows final : public ordered_windows {
public:
  struct config {
    std::int64_t gap_ns = 60'000'000'000;
    std::int64_t length_max_ns = 86'400'000'000'000;
  };
  session_windows(const config& settings, const aggregate_plan& plan, fact_book* facts)
    : ordered_windows(plan, facts), config_(settings) {
  }

  void close_silent(std::uint32_t slot, std::int64_t silent_ns,
                    std::vector<summary>& out) override {
    if (silent_ns >= config_.gap_ns)
      close(slot, false, out);
  }

private:
  std::int64_t end_of(const open_run& run) const;
  void kind_prefetch(std::uint32_t slot) const override {
    __builtin_prefetch(&keys_[slot], 1);
    __builtin_prefetch(reinterpret_cast<const char*>(&keys_[slot]) + 64, 1);
  }
  void kind_open(std::uint32_t slot) override;
  void kind_erase(std::uint32_t slot) override;
  bool kind_is_open(std::uint32_t slot) const override;
  void on_event(std::uint32_t slot, const keyed_event& event,
                std::vector<summary>& out) override;
  void on_time(std::uint32_t slot, std::int64_t time_ns,
               std::vector<summary>& out) override;
  void on_close(std::uint32_t slot, bool forget, std::vector<summary>& out) override;
  void kind_save(std::uint32_t slot, byte_writer& out) const override;
  bool kind_load(std::uint32_t slot, byte_reader& in) override;
  std::size_t kind_size_bytes() const override;

  const config config_;
  chunked_vector<open_run> keys_;
};

/// Every `slide` events, the last `size` events: [first, last]. A silent source leaves
/// a count window open: it is about events, not about time.
class count_windows final : public ordered_windows {
public:
  struct config {
    std::uint32_t size_events = 100;
    std::uint32_t slide_events = 100; ///< = size: tumbling. @pre at most size.
  };
  count_windows(const config& settings, const aggregate_plan& plan, fact_book* facts)
    : ordered_windows(plan, facts), config_(settings) {
  }

private:
  struct key_state {
    open_run run;                           // Where windows tumble.
    sliding_aggregate<keyed_event> sliding; // Where they slide.
    std::uint32_t since = 0;                // Events since the last window.
  };
  bool slides() const {
    return config_.slide_events != config_.size_events;
  }
  void send_sliding(std::uint32_t slot, std::vector<summary>& out);
  void kind_open(std::uint32_t slot) override;
  void kind_erase(std::uint32_t slot) override;
  bool kind_is_open(std::uint32_t slot) const override;
  void on_event(std::uint32_t slot, const keyed_event& event,
                std::vector<summary>& out) override;
  void on_time(std::uint32_t slot, std::int64_t time_ns,
               std::vector<summary>& out) override;
  void on_close(std::uint32_t slot, bool forget, std::vector<summary>& out) override;
  void kind_save(std::uint32_t slot, byte_writer& out) const override;
  bool kind_load(std::uint32_t slot, byte_reader& in) override;
  void kind_list_series(std::vector<series_id>& out) const override;
  std::size_t kind_size_bytes() const override;

  const config config_;
  chunked_vector<key_state> keys_;
};

/// From an event with mark_open up to and with one with mark_close; where there is no
/// close condition, up to and without the first one that is not marked open. Cut at
/// `length_max`, and then goes on. A silent source leaves the state as it is.
class state_windows final : public ordered_windows {
public:
  struct config {
    bool has_close_condition = true;
    std::int64_t length_max_ns = 86'400'000'000'000;
  };
  state_windows(const config& settings, const aggregate_plan& plan, fact_book* facts)
    : ordered_windows(plan, facts), config_(settings) {
  }

private:
  void kind_open(std::uint32_t slot) override;
  void kind_erase(std::uint32_t slot) override;
  bool kind_is_open(std::uint32_t slot) const override;
  void on_event(std::uint32_t slot, const keyed_event& event,
                std::vector<summary>& out) override;
  void on_time(std::uint32_t slot, std::int64_t time_ns,
               std::vector<summary>& out) override;
  void on_close(std::uint32_t slot, bool forget, std::vector<summary>& out) override;
  void kind_save(std::uint32_t slot, byte_writer& out) const override;
  bool kind_load(std::uint32_t slot, byte_reader& in) override;
  std::size_t kind_size_bytes() const override;
  void split(std::uint32_t slot, std::int64_t time_ns, std::vector<summary>& out);

  const config config_;
  chunked_vector<open_run> keys_; // `more`: 1 while the state is on.
};

/// For each event with mark_trigger the window (time - width, time + delay]: "5 s
/// before and 2 s after". Each event is folded in and out once, whatever the width.
class sliding_windows final : public ordered_windows {
public:
  struct config {
    std::int64_t width_ns = 10'000'000'000;
    std::int64_t delay_ns = 0;
  };
  sliding_windows(const config& settings, const aggregate_plan& plan, fact_book* facts)
    : ordered_windows(plan, facts), config_(settings) {
  }

  /// What comes within the delay belongs to the window, however slowly it comes.
  void close_silent(std::uint32_t slot, std::int64_t silent_ns,
                    std::vector<summary>& out) override {
    if (silent_ns >= config_.delay_ns)
      close(slot, false, out);
  }

private:
  struct key_state {
    sliding_aggregate<keyed_event> inside; // Events of the next window.
    reorder_buffer ahead;                  // Events that no window has needed yet.
    std::vector<std::int64_t> triggers;    // Times, of windows not yet sent.
    std::size_t triggers_sent = 0;
  };
  void send_until(std::uint32_t slot, std::int64_t time_ns, std::vector<summary>& out);
  void trim(std::uint32_t slot, std::int64_t time_ns);
  void send_one(std::uint32_t slot, std::int64_t trigger_ns, std::vector<summary>& out);
  void kind_open(std::uint32_t slot) override;
  void kind_erase(std::uint32_t slot) override;
  bool kind_is_open(std::uint32_t slot) const override;
  void on_event(std::uint32_t slot, const keyed_event& event,
                std::vector<summary>& out) override;
  void on_time(std::uint32_t slot, std::int64_t time_ns,
               std::vector<summary>& out) override;
  void on_close(std::uint32_t slot, bool forget, std::vector<summary>& out) override;
  void kind_save(std::uint32_t slot, byte_writer& out) const override;
  bool kind_load(std::uint32_t slot, byte_reader& in) override;
  void kind_list_series(std::vector<series_id>& out) const override;
  std::size_t kind_size_bytes() const override;

  const config config_;
  chunked_vector<key_state> keys_;
};

} // namespace weir::analytics
