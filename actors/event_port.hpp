// EVENT PORT: where one source thread's payloads become events of the node.
//
//   payload -> decoder -> [event port: time check, series id] -> ingest gate
//
// One port per source thread; it owns its decoder and buffers, so the way of an
// event allocates nothing. Everything that is not taken goes to the quarantine. When
// take() returns, the payload is safe: now its sender may be told.
#pragma once

#include "actors/ingest_gate.hpp"
#include "actors/quarantine.hpp"
#include "analytics/node_clock.hpp"
#include "analytics/series.hpp"
#include "transport/decoders.hpp"
#include "transport/topic_template.hpp"

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir::actors {

struct event_port_config {
  std::string source; ///< Name of the ingest source, for counters and quarantine.
  transport::time_unit unit = transport::time_unit::automatic;
  transport::decode_limits limits;

  /// Events before it are rejected: a clock that never was set.
  std::int64_t time_min_ns = 946'684'800'000'000'000; // 2000-01-01

  /// What is further ahead of the node's clock than this is not believed: rejected, or
  /// given the time of its arrival (counted either way).
  std::int64_t future_tolerance_ns = 300'000'000'000;
  bool restamp_future = false;

  /// When the node's clock is to be believed: before, nothing is too far in the future,
  /// and events without a time wait for it.
  analytics::node_clock_config clock;

  /// Where there is no room, count the source's events and let them go, newest first,
  /// instead of making the source wait.
  bool sheds = false;
};

/// Counters of one source; written by its thread, read by any.
struct source_counters {
  std::atomic<std::uint64_t> payloads{0};
  std::atomic<std::uint64_t> bytes{0};
  std::atomic<std::uint64_t> events{0};      ///< Understood, and handed to the gate.
  std::atomic<std::uint64_t> restamped{0};   ///< Whose time was replaced by arrival.
  std::atomic<std::uint64_t> clock_jumps{0}; ///< Of the node's clock, as seen here.
};

/// What all ports of a node share.
struct ingest_context {
  analytics::series_table* series = nullptr;
  quarantine* rejected = nullptr;
  ingest_gate* gate = nullptr;
  std::function<std::int64_t()> now_ns;    ///< Wall clock.
  std::function<std::int64_t()> steady_ns; ///< Never jumps; empty: `now_ns`.
};

class event_port final : public transport::event_sink {
public:
  event_port(event_port_config config, ingest_context context);

  /// Decodes one payload and hands its events to the shards; waits while they are
  /// full. `origin` (topic, client) is for the quarantine. Returns false once the
  /// node is stopping.
  bool take(std::string_view origin, std::string_view payload,
            const transport::decode_context& context);

  /// As take(), but small payloads wait for others to share the way: they are safe when
  /// flush() returns.
  void gather(std::string_view origin, std::string_view payload,
              const transport::decode_context& context);
  bool flush();

  /// As take(), with the fields that `pattern` finds in the topic.
  bool take_topic(std::string_view topic, std::string_view payload,
                  const transport::topic_template* pattern);

  /// Takes one event that needs no decoding (host metrics).
  bool take_event(const transport::raw_event& event);

  /// Rejects a payload that never reached the decoder.
  void reject(std::string_view origin, analytics::reject_reason reason,
              std::string_view detail, std::string_view bytes);

  const source_counters& counters() const {
    return counters_;
  }
  const std::string& source() const {
    return config_.source;
  }

  // event_sink: called by the decoder.
  void on_event(const transport::raw_event& event) override;
  void on_reject(analytics::reject_reason reason, std::string_view detail,
                 std::string_view bytes) override;

private:
  void begin(std::string_view origin);
  void stage(const analytics::event& x, const transport::raw_event& event);
  bool check_time(analytics::event& x, const transport::raw_event& event);
  bool pass_on();

  const event_port_config config_;
  const ingest_context context_;
  transport::payload_decoder decoder_;
  analytics::series_resolver resolver_;
  transport::topic_fields fields_;
  const std::uint32_t source_number_;
  ingest_payload staged_;
  std::size_t staged_events_ = 0;
  std::size_t payload_events_ = 0;
  bool all_taken_ = true; // Of what was begun and not flushed.
  bool is_begun_ = false;
  std::string_view origin_;
  std::int64_t arrival_ns_ = 0;
  analytics::node_clock clock_;
  analytics::clock_reading reading_;
  source_counters counters_;
};

} // namespace weir::actors
