// LIVE HUB: which WebSocket gets which frame, and when.
//
//   store writer -> inbox -> publish() --+--> [live hub] --ws_frame--> sockets
//   client messages, snapshots, ticks ---+
//
// Pure: no socket, no clock, no store. A subscription is registered first; what
// is published while its snapshot is being read waits in the session's backlog
// and follows the snapshot, less what the snapshot shows: nothing lost, nothing
// doubled.
#pragma once

#include "web/live_backlog.hpp"
#include "web/live_frames.hpp"
#include "web/live_messages.hpp"
#include "web/web_counters.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace weir::web {

struct live_limits {
  std::size_t subscriptions_max = 32; ///< Per session.
  std::size_t merge_above_bytes = 256 << 10;
  std::size_t close_above_bytes = 1 << 20;
  std::size_t backlog_points_max = 8'000; ///< While waiting for a snapshot.
  std::int64_t flush_interval_ns = 50'000'000;
};

/// What the hub wants to be done. Called from inside its functions; must not
/// call back into the hub.
class live_output {
public:
  virtual ~live_output() = default;
  virtual void send(socket_id to, ws_frame frame) = 0;
  virtual void close(socket_id which, std::uint16_t code, std::string_view reason) = 0;
};

/// Read this from the store (not on the hub's thread) and hand it to
/// snapshot().
struct snapshot_request {
  socket_id socket = 0;
  std::uint64_t generation = 0;
  std::int64_t subscription = 0;
  std::vector<storage::stored_series_id> series;
  std::int64_t from_ns = 0;
  std::size_t points_max = 0; ///< Per series.
  wire_format format = wire_format::msgpack;
};

struct snapshot_result {
  socket_id socket = 0;
  std::uint64_t generation = 0;
  frame_body body; ///< Of snap_body().
  /// The newest points of each series that were not merged with others.
  std::map<storage::stored_series_id, std::vector<known_point>> shown;
  std::optional<std::string> error; ///< Instead of the others.
};

class live_hub {
public:
  live_hub(live_limits limits, std::string version, live_output& output,
           web_counters& counters)
    : limits_(limits), version_(std::move(version)), output_(output),
      counters_(counters) {
  }

  /// A new connection; answers with `hello`.
  void open(socket_id id, wire_format format, std::int64_t now_ns);
  void close(socket_id id);

  void message(socket_id id, const client_message& x);
  void refuse(socket_id id, const client_error& why);

  /// What was committed. Goes out with the next flush().
  void publish(live_delta delta);

  /// Sends what is due; does nothing if the last one was less than 50 ms ago.
  void flush(std::int64_t now_ns);

  /// To be called once a second.
  void tick(std::int64_t now_ns, const actors::fleet_view& fleet,
            const store_totals& store);

  /// Points were lost on the way here: every subscription gets a new snapshot.
  void resync();

  /// The next snapshot to read, or nothing. At most one per session at a time.
  std::optional<snapshot_request> next_snapshot();
  void snapshot(const snapshot_result& result);
  /// The request could not be read now; it will be given out again.
  void put_back(const snapshot_request& request);

  /// The oldest frame of this session has left.
  void sent(socket_id id);

  std::size_t sessions() const {
    return sessions_.size();
  }
  /// Unsent bytes of a session; snapshots do not count.
  std::size_t unsent_bytes(socket_id id) const;

private:
  using series_list = std::vector<storage::stored_series_id>;
  enum class snapshot_state : std::uint8_t { wanted, reading, shown };

  struct subscription {
    client_message request;
    std::uint64_t generation = 0;
    snapshot_state state = snapshot_state::wanted;
  };
  struct outgoing {
    std::size_t size_bytes = 0;
    bool is_snapshot = false;
  };
  struct session {
    socket_id id = 0;
    wire_format format = wire_format::msgpack;
    std::uint64_t seq = 0;
    std::map<std::int64_t, subscription> subscriptions;
    std::shared_ptr<const series_list> series; ///< Of all subscriptions, sorted.
    live_backlog backlog;
    /// What the newest snapshots have shown, for the next `shown_flushes`
    /// flushes.
    std::map<storage::stored_series_id, std::vector<known_point>> shown;
    int shown_flushes = 0;
    std::deque<outgoing> unsent;
    std::size_t unsent_bytes = 0;
    std::size_t unsent_snapshots = 0;
    bool reading = false;   ///< A snapshot is being read.
    bool is_queued = false; ///< Stands in snapshot_queue_.
    bool closing = false;
  };
  /// Bodies of one flush, by what they depend on.
  class body_cache;

  session* find(socket_id id);
  void subscribe(session& to, const client_message& x);
  void update_series(session& of);
  bool waits(const session& x) const;
  void queue_snapshot(session& x);
  live_delta select(const series_list& series) const;
  void sort_batch();
  void flush_session(session& to, body_cache& bodies, std::int64_t now_ns);
  void emit(session& to, std::string_view type, const frame_body& body, bool numbered,
            bool is_snapshot = false);
  void close_slow(session& which);

  live_limits limits_;
  std::string version_;
  live_output& output_;
  web_counters& counters_;
  std::unordered_map<socket_id, session> sessions_;
  std::deque<socket_id> snapshot_queue_;
  std::uint64_t generations_ = 0;
  live_delta batch_; // Since the last flush.
  std::int64_t last_flush_ns_ = 0;
};

} // namespace weir::web
