// Both ends of the uplink over real sockets: a centre and an edge that keep their records
// in memory, and an edge without manners.
#pragma once

#include "tests/support/wait_until.hpp"
#include "transport/uplink.hpp"
#include "transport/uplink_messages.hpp"

#include <catch2/catch.hpp>
#include <zmq.hpp>

#include <algorithm>
#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace weir::test {

using namespace weir::transport;
using namespace std::chrono_literals;

/// Stores what comes and answers as the contract says, from the server's
/// thread.
class centre {
public:
  struct stored_edge {
    std::uint64_t epoch = 0;
    std::uint64_t through = 0;
    std::vector<std::string> blocks;
    std::vector<std::pair<std::uint64_t, std::uint64_t>> holes;
    uplink_greeting hello; ///< The last one.
    int hellos = 0;
  };

  explicit centre(uplink_server_config config) : config_{std::move(config)} {
    open();
  }

  void open() {
    server_ = std::make_unique<uplink_server>(config_, callbacks());
    auto bound = server_->start();
    REQUIRE(bound);
    config_.endpoint = *bound;
  }

  ~centre() {
    close();
  }

  /// In two steps: the callbacks use `server_` until it has stopped.
  void close() {
    server_->stop();
    server_.reset();
  }

  const std::string& endpoint() const {
    return config_.endpoint;
  }

  uplink_server& server() {
    return *server_;
  }

  stored_edge edge(const std::string& name) {
    auto guard = std::lock_guard{mutex_};
    return edges_[name];
  }

  std::vector<error> errors() {
    auto guard = std::lock_guard{mutex_};
    return errors_;
  }

  std::map<std::string, edge_status> statuses() {
    auto guard = std::lock_guard{mutex_};
    return statuses_;
  }

  /// Blocks numbered so are lost once between the network and the store.
  std::set<std::uint64_t> drop_once;
  /// Takes blocks but acknowledges nothing.
  std::atomic<bool> mute{false};
  std::atomic<std::uint64_t> bytes_unacknowledged{0};

private:
  uplink_server_callbacks callbacks() {
    auto result = uplink_server_callbacks{};
    result.on_hello = [this](const std::string& name, const uplink_greeting& hello) {
      auto guard = std::lock_guard{mutex_};
      auto& x = edges_[name];
      ++x.hellos;
      x.hello = hello;
      if (std::exchange(x.epoch, hello.epoch) != hello.epoch)
        x.through = 0;
      return uplink_position{x.through, 0, 0};
    };
    result.on_batch = [this](const std::string& name, std::uint64_t epoch, bool,
                             std::vector<uplink_entry> entries) {
      for (auto& x : entries)
        on_entry(name, epoch, std::move(x));
    };
    result.on_status = [this](const std::string& name, const edge_status& x) {
      auto guard = std::lock_guard{mutex_};
      statuses_[name] = x;
    };
    result.on_error = [this](const std::string&, const error& e) {
      auto guard = std::lock_guard{mutex_};
      errors_.push_back(e);
    };
    return result;
  }

  void on_entry(const std::string& name, std::uint64_t epoch, uplink_entry entry) {
    auto guard = std::lock_guard{mutex_};
    auto& x = edges_[name];
    if (drop_once.erase(entry.first_seq) > 0)
      return;
    if (mute) {
      bytes_unacknowledged += window_cost(entry);
      return;
    }
    if (entry.first_seq > x.through + 1) {
      server_->resend(name, epoch, x.through + 1, false);
      return;
    }
    if (entry.first_seq == x.through + 1) {
      if (entry.kind == entry_kind::records)
        x.blocks.push_back(std::move(entry.bytes));
      else
        x.holes.emplace_back(entry.first_seq, entry.last_seq());
      x.through += entry.seq_span;
    }
    server_->acknowledge(name, epoch, {x.through, 0, 0});
  }

  uplink_server_config config_;
  std::unique_ptr<uplink_server> server_;
  std::mutex mutex_;
  std::map<std::string, stored_edge> edges_;
  std::map<std::string, edge_status> statuses_;
  std::vector<error> errors_;
};

class edge {
public:
  edge(const std::string& endpoint, std::string name, curve_client_keys keys = {}) {
    config.endpoint = endpoint;
    config.name = std::move(name);
    config.keys = std::move(keys);
    config.backlog = backlog_mode::in_order;
    config.heartbeat_interval = 50ms;
    config.silence_max = 1000ms;
    config.backoff_min = 5ms;
    config.backoff_max = 20ms;
  }

  ~edge() {
    client.reset(); // Before what it calls back into.
  }

  void start(std::uint64_t epoch = 1) {
    client = std::make_unique<uplink_client>(config, epoch, 2, callbacks());
    REQUIRE(client->start());
  }

  /// Blocks of three records.
  void add(int count, std::size_t size = 20) {
    for (int i = 0; i < count; ++i) {
      auto guard = std::lock_guard{mutex_};
      auto text = std::to_string(next_seq_) + " ";
      text.resize(std::max(size, text.size()), '.');
      outbox_[next_seq_] = {entry_kind::records, 2, next_seq_, 3, 3, text};
      made_.push_back(text);
      next_seq_ += 3;
    }
    if (client)
      client->notify();
  }

  void expire(std::uint64_t first_seq) {
    auto guard = std::lock_guard{mutex_};
    outbox_[first_seq] = {entry_kind::expired, 2, first_seq, 3, 0, {}};
  }

  std::vector<std::string> made() {
    auto guard = std::lock_guard{mutex_};
    return made_;
  }

  std::size_t left() {
    auto guard = std::lock_guard{mutex_};
    return outbox_.size();
  }

  std::vector<std::pair<link_state, std::string>> states() {
    auto guard = std::lock_guard{mutex_};
    return states_;
  }

  bool is(link_state state) {
    auto guard = std::lock_guard{mutex_};
    return !states_.empty() && states_.back().first == state;
  }

  uplink_client_config config;
  std::unique_ptr<uplink_client> client;
  std::uint64_t renewed_epoch = 0;       ///< What on_behind returns.
  std::atomic<std::uint64_t> behind = 0; ///< What it was told.

private:
  uplink_client_callbacks callbacks() {
    auto result = uplink_client_callbacks{};
    result.read_after = [this](std::uint64_t seq, std::size_t size_max) {
      auto guard = std::lock_guard{mutex_};
      auto blocks = std::vector<uplink_entry>{};
      auto size = std::size_t{0};
      for (auto i = outbox_.upper_bound(seq);
           i != outbox_.end() && (blocks.empty() || size < size_max); ++i) {
        blocks.push_back(i->second);
        size += i->second.bytes.size();
      }
      return blocks;
    };
    result.next_seq = [this] {
      auto guard = std::lock_guard{mutex_};
      return next_seq_;
    };
    result.on_ack = [this](const uplink_position& x) {
      auto guard = std::lock_guard{mutex_};
      outbox_.erase(outbox_.begin(), outbox_.upper_bound(x.through_seq));
      if (x.lane_first != 0)
        outbox_.erase(outbox_.lower_bound(x.lane_first),
                      outbox_.upper_bound(x.lane_through));
    };
    result.on_behind = [this](const uplink_position& centre) {
      behind = centre.highest();
      return renewed_epoch;
    };
    result.status = [] {
      auto status = edge_status{};
      status.version = "0.1.0";
      status.events_total = 12;
      return status;
    };
    result.on_state = [this](link_state state, const std::string& why) {
      auto guard = std::lock_guard{mutex_};
      states_.emplace_back(state, why);
    };
    return result;
  }

  std::mutex mutex_;
  std::map<std::uint64_t, uplink_entry> outbox_;
  std::uint64_t next_seq_ = 1;
  std::vector<std::string> made_;
  std::vector<std::pair<link_state, std::string>> states_;
};

inline uplink_server_config plain_server() {
  auto result = uplink_server_config{};
  result.endpoint = "tcp://127.0.0.1:0";
  result.heartbeat_interval = 50ms;
  return result;
}

inline batch_message one_block(std::uint64_t epoch, std::string bytes) {
  return {epoch, false, {{entry_kind::records, 0, 1, 1, 1, std::move(bytes)}}};
}

/// An edge without our manners.
struct raw_edge {
  zmq::context_t context;
  zmq::socket_t socket{context, zmq::socket_type::dealer};

  raw_edge(const std::string& endpoint, const std::string& name) {
    socket.set(zmq::sockopt::linger, 0);
    socket.set(zmq::sockopt::rcvtimeo, 5000);
    if (!name.empty())
      socket.set(zmq::sockopt::routing_id, name);
    socket.connect(endpoint);
  }

  void send(const std::string& bytes) {
    socket.send(zmq::buffer(bytes), zmq::send_flags::none);
  }

  void send(const uplink_message& message) {
    send(encode_uplink(message));
  }

  uplink_message receive() {
    auto frame = zmq::message_t{};
    REQUIRE(socket.recv(frame));
    auto message = decode_uplink(frame.to_string_view());
    REQUIRE(message);
    return *message;
  }
};

} // namespace weir::test
