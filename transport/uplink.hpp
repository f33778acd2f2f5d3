// The link between edges and the centre: ZeroMQ DEALER (edge) to ROUTER
// (centre) with CURVE. Messages and their order: transport/WIRE.md.
//
// The edge's identity is its CURVE public key: the ZAP handler maps it to the
// name in the allow-list, and no field of a message can claim another.
#pragma once

#include "transport/curve.hpp"
#include "transport/edge_ledger.hpp"
#include "transport/errors.hpp"
#include "transport/uplink_entry.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace weir::transport {

/// What an edge tells about itself each second (not numbered, newest wins).
struct edge_status {
  std::string version;
  std::uint64_t epoch = 0;
  std::uint32_t run = 0;
  std::int64_t time_ns = 0; ///< The edge's clock when it was sent.
  std::int64_t started_ns = 0;
  std::uint64_t events_total = 0; ///< Accepted since start.
  std::uint64_t rejected_total = 0;
  std::uint64_t late_total = 0;
  std::uint64_t shed_total = 0;
  std::uint64_t series_open = 0;
  std::uint64_t anomalies_total = 0;
  std::uint64_t alerts_firing = 0;
  std::uint64_t outbox_records = 0;
  std::uint64_t outbox_bytes = 0;
  std::uint64_t expired_total = 0;
  std::uint64_t rss_bytes = 0;
  std::vector<std::uint64_t> rejected_by_reason; ///< By analytics::reject_reason.

  /// The ingest sources that rejected something, and for each of them its counts by
  /// analytics::reject_reason, one source after another.
  std::vector<std::string> rejecting_sources;
  std::vector<std::uint64_t> rejected_by_source;

  // Appended later: an older edge does not send these, and they stay 0.
  std::uint64_t revisions_total = 0;   ///< Corrections because of late events.
  std::uint64_t filtered_total = 0;    ///< Filtered, sampled out or not convertible.
  std::uint64_t derived_total = 0;     ///< Events made of others.
  std::uint64_t evicted_total = 0;     ///< Series that gave way to new ones.
  std::uint64_t series_known = 0;      ///< With or without an open window; no groups.
  std::uint64_t state_bytes = 0;       ///< Windows, detectors and source clocks.
  std::uint64_t restamped_total = 0;   ///< Events that got the time of their arrival.
  std::uint64_t held_events = 0;       ///< That wait for a clock to be believed, now.
  std::uint64_t clock_jumps_total = 0; ///< Of its clock, as its busiest source saw.
  edge_ledger ledger;                  ///< The terms of its balance.
};

// -- edge --------------------------------------------------------------------

/// In which order an edge that was away sends.
enum class backlog_mode : std::uint8_t {
  live_first = 0, ///< What is new at once, the backlog beside it, in order.
  in_order = 1,   ///< The oldest first, what is new after it.
};

struct uplink_client_config {
  std::string endpoint = "tcp://127.0.0.1:5570";
  curve_client_keys keys;
  /// Without CURVE this is who we are: [A-Za-z0-9._-]{1,64}. With CURVE the
  /// centre takes the name from its allow-list and this is ignored.
  std::string name;
  std::size_t window_bytes_max = 1 << 20; ///< Unacknowledged at most; see window_cost.
  backlog_mode backlog = backlog_mode::live_first;
  /// For what was in the outbox when the edge came back; 0: no limit. New data is not
  /// slowed down by it, but waits for its turn in the mode in_order.
  std::size_t backlog_bytes_per_s_max = 0;
  std::chrono::milliseconds resend_after{30'000}; ///< Not acknowledged for so long.
  std::chrono::milliseconds heartbeat_interval{1000};
  std::chrono::milliseconds silence_max{5000}; ///< Then reconnect.
  std::chrono::milliseconds backoff_min{200};
  std::chrono::milliseconds backoff_max{10'000};
};

enum class link_state : std::uint8_t { connecting, up, down, refused };
std::string_view to_string(link_state x);

/// What the client needs of the node around it. Called on the client's thread.
struct uplink_client_callbacks {
  /// Entries with first_seq > after_seq, oldest first, at least one if there is any,
  /// then as many as fit into about `size_bytes_max`. Numbers that are in none of them
  /// are at the centre already, through the live lane; if they are not, see on_missing.
  std::function<std::vector<uplink_entry>(std::uint64_t after_seq,
                                          std::size_t size_bytes_max)>
    read_after;
  /// The number that the next record will get. Needed for the live lane, and with it an
  /// edge whose database was set back is noticed instead of being taken for a sender of
  /// duplicates.
  std::function<std::uint64_t()> next_seq;
  /// No number from here on has ever left this database, through all its starts. With it
  /// an edge that was set back is noticed even if it has made more records since than it
  /// had lost. May be empty: then all up to next_seq may have left.
  std::function<std::uint64_t()> unsent_seq;
  /// What the centre has on disk, each time that this has grown and after each welcome.
  std::function<void(const uplink_position& position)> on_ack;
  /// The centre has numbers of this epoch that never left here: our database is older
  /// than what the centre has seen. Renews the epoch and returns the new one, with which
  /// the session greets again; 0: could not, the link stays refused. May be empty.
  std::function<std::uint64_t(const uplink_position& centre)> on_behind;
  /// Numbers that neither read_after has nor the centre, which must have been set back
  /// to an older store: they are told to it as expired, for nobody has them any more.
  /// May be told again for the same numbers. May be empty.
  std::function<void(std::uint64_t first_seq, std::uint64_t last_seq)> on_missing;
  /// The centre has welcomed us: once for each connection. May be empty.
  std::function<void()> on_contact;
  /// The status for the next heartbeat.
  std::function<edge_status()> status;
  /// Only changes of state or reason, the same one at most once a minute.
  std::function<void(link_state state, const std::string& why)> on_state;
};

/// Owns one thread. Reconnects by itself with jittered back-off and resends from what
/// the centre has. The rules: uplink_session.hpp.
class uplink_client {
public:
  uplink_client(uplink_client_config config, std::uint64_t epoch, std::uint32_t run,
                uplink_client_callbacks callbacks);
  ~uplink_client(); ///< Stops.

  expected<void, error> start();

  /// New blocks are in the outbox. Any thread; cheap; coalesced.
  void notify();

  /// Sends what the outbox holds until `deadline` or until all is acknowledged,
  /// then ends the thread. Returns whether all was acknowledged.
  bool stop(std::chrono::milliseconds deadline);

private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

// -- centre ------------------------------------------------------------------

struct uplink_server_config {
  std::string endpoint = "tcp://127.0.0.1:5570"; ///< Port 0 or `*`: any free one.
  curve_server_keys keys;
  std::size_t message_bytes_max = 2 << 20;
  std::size_t edges_max = 4096; ///< Known at a time; the next one is turned away.

  /// What all edges together may have sent without acknowledgement. Shared by the edges
  /// heard within 10 s, each at least 64 KiB (so beyond 1,024 edges it is more) and at
  /// most 1 MiB.
  /// What an edge sends beyond 4 MiB without an answer is not taken.
  std::size_t credit_bytes_total = 64 << 20;
  std::chrono::milliseconds heartbeat_interval{1000}; ///< Asked of the edges.
};

/// What an edge says of itself when it connects.
struct uplink_greeting {
  std::uint64_t epoch = 0;
  std::uint32_t run = 0;
  std::uint64_t next_seq = 0;   ///< Of the next record of this epoch; 0: not told.
  std::uint64_t unsent_seq = 0; ///< None was sent from here on; 0: not told.
};

/// Called on the server's thread: hand over and return, never block or throw.
struct uplink_server_callbacks {
  /// An edge says hello. Returns the position to continue from ({}: from the start).
  std::function<uplink_position(const std::string& edge, const uplink_greeting& hello)>
    on_hello;
  /// Entries in ascending order, none empty of numbers, not overlapping. In the live
  /// lane they continue the lane or through_seq, or open a lane where there is none.
  std::function<void(const std::string& edge, std::uint64_t epoch, bool live_lane,
                     std::vector<uplink_entry> entries)>
    on_batch;
  std::function<void(const std::string& edge, const edge_status& status)> on_status;
  /// Unknown key, malformed message...: counted by the caller, never fatal.
  std::function<void(const std::string& edge, const error& why)> on_error;
};

class uplink_server {
public:
  uplink_server(uplink_server_config config, uplink_server_callbacks callbacks);
  ~uplink_server(); ///< Stops.

  /// Binds, then returns the endpoint as bound.
  expected<std::string, error> start();

  /// Tells the edge what is on disk. Any thread; only the newest per edge is kept, and
  /// an edge that is not there hears the position from on_hello when it comes.
  void acknowledge(const std::string& edge, std::uint64_t epoch,
                   const uplink_position& position);

  /// Asks the edge to send again from `from_seq`: a gap, in the lane or before it. Any
  /// thread.
  void resend(const std::string& edge, std::uint64_t epoch, std::uint64_t from_seq,
              bool live_lane);

  /// Instead of credit_bytes_total; each edge hears its part with its next answer or
  /// heartbeat. 0: the edges wait and send nothing again, e.g. while the store cannot
  /// be written. Any thread.
  void set_credit_total(std::size_t bytes);

  void stop();

private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

} // namespace weir::transport
