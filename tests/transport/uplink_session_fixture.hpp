// The uplink's session with an outbox in memory, and the network and the clock played by
// the test.
#pragma once

#include "transport/uplink_session.hpp"

#include <catch2/catch.hpp>

#include <map>
#include <string>
#include <utility>
#include <vector>

namespace weir::test {

using namespace std::chrono_literals;
using namespace transport;
using time_point = uplink_session::time_point;

constexpr std::uint64_t epoch = 77;

/// What an entry of `size` bytes counts for, and what makes one of `cost`.
constexpr std::size_t beside = 32;

/// The outbox: entries by first number.
struct outbox_model {
  std::map<std::uint64_t, uplink_entry> entries;
  std::uint64_t next_seq = 1;
  std::uint64_t unsent_seq = ~std::uint64_t{0}; ///< Else: not above next_seq.
  int reads = 0;

  void add(std::uint32_t records, std::size_t size = 100) {
    entries[next_seq]
      = {entry_kind::records, 3, next_seq, records, records, std::string(size, '\1')};
    next_seq += records;
  }

  /// Of what is at `first_seq` a hole is left.
  void expire(std::uint64_t first_seq) {
    auto& x = entries.at(first_seq);
    x.kind = entry_kind::expired;
    x.record_count = 0;
    x.bytes.clear();
  }

  void acknowledge(const uplink_position& x) {
    std::erase_if(entries, [&](const auto& entry) {
      auto last = entry.second.last_seq();
      return last <= x.through_seq
             || (x.lane_first != 0 && entry.first >= x.lane_first
                 && last <= x.lane_through);
    });
  }

  std::vector<uplink_entry> read_after(std::uint64_t seq, std::size_t size_max) {
    ++reads;
    auto result = std::vector<uplink_entry>{};
    auto size = std::size_t{0};
    for (auto i = entries.upper_bound(seq); i != entries.end(); ++i) {
      if (!result.empty() && size + i->second.bytes.size() > size_max)
        break;
      size += i->second.bytes.size();
      result.push_back(i->second);
    }
    return result;
  }
};

struct session_fixture {
  outbox_model box;
  uplink_session_config config;
  uplink_session session;
  time_point now{1h};

  // What the session wanted, by kind.
  int opened = 0;
  int closed = 0;
  std::vector<uplink_message> sent;
  std::vector<uplink_position> acked;
  int contacts = 0;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> missing;
  std::uint64_t credit = 1 << 20; ///< What welcomes and acknowledgements say.
  uplink_position behind;         ///< What on_behind was told.
  std::uint64_t next_epoch = 0;   ///< What on_behind returns.
  std::vector<std::pair<link_state, std::string>> states;

  explicit session_fixture(uplink_session_config x = make_config())
    : config{std::move(x)}, session{config, sources()} {
  }

  static uplink_session_config make_config() {
    auto result = uplink_session_config{};
    result.peer = "tcp://centre:1";
    result.epoch = epoch;
    result.run = 3;
    result.window_bytes_max = 1000;
    result.seed = 42;
    return result;
  }

  uplink_session::sources sources() {
    return {[this](auto seq, auto size) { return box.read_after(seq, size); },
            [] {
              auto status = edge_status{};
              status.version = "1.2";
              return status;
            },
            [this] { return box.next_seq; },
            [this](const uplink_position& centre) {
              behind = centre;
              if (next_epoch != 0)
                box = {};
              return next_epoch;
            },
            [this] { return std::min(box.unsent_seq, box.next_seq); }};
  }

  void collect() {
    for (auto& action : session.take_actions()) {
      if (std::holds_alternative<open_link>(action))
        ++opened;
      else if (std::holds_alternative<close_link>(action))
        ++closed;
      else if (auto* x = std::get_if<send_message>(&action))
        sent.push_back(std::move(x->message));
      else if (auto* y = std::get_if<report_acked>(&action))
        acked.push_back(y->position);
      else if (std::holds_alternative<report_contact>(action))
        ++contacts;
      else if (auto* m = std::get_if<report_missing>(&action))
        missing.emplace_back(m->first_seq, m->last_seq);
      else if (auto* z = std::get_if<report_state>(&action))
        states.emplace_back(z->state, z->why);
    }
  }

  void tick(std::chrono::milliseconds later = 0ms) {
    now += later;
    session.tick(now);
    collect();
  }

  void receive(const uplink_message& message) {
    session.received(now, message);
    collect();
  }

  void lose(const std::string& why, bool refused = false) {
    session.lost(now, why, refused);
    collect();
  }

  void connect() {
    session.connected(now);
    collect();
  }

  void welcome(const uplink_position& position = {}) {
    receive(welcome_message{epoch, position, credit, 0, 0});
  }

  void acknowledge(const uplink_position& position) {
    receive(ack_message{epoch, position, credit});
  }

  void acknowledge(std::uint64_t through_seq) {
    acknowledge(uplink_position{through_seq, 0, 0});
  }

  void ask_again(std::uint64_t from_seq, bool live_lane = false) {
    receive(resend_message{epoch, from_seq, live_lane});
  }

  void bring_up(const uplink_position& position = {}) {
    session.start(now);
    connect();
    welcome(position);
    REQUIRE(states.back().first == link_state::up);
  }

  void add_and_tell(std::uint32_t records, std::size_t size = 100) {
    box.add(records, size);
    session.new_data(now);
    collect();
  }

  template <class Message>
  std::vector<Message> take() {
    auto result = std::vector<Message>{};
    for (auto& message : sent)
      if (auto* x = std::get_if<Message>(&message))
        result.push_back(*x);
    sent.clear();
    return result;
  }

  /// The first numbers of all that was sent in this lane since the last time.
  std::vector<std::uint64_t> take_numbers(bool live_lane = false) {
    auto result = std::vector<std::uint64_t>{};
    for (auto& message : sent)
      if (auto* x = std::get_if<batch_message>(&message);
          x && x->live_lane == live_lane)
        for (auto& entry : x->entries)
          result.push_back(entry.first_seq);
    std::erase_if(sent, [&](const auto& message) {
      auto* x = std::get_if<batch_message>(&message);
      return x == nullptr || x->live_lane == live_lane;
    });
    return result;
  }
};

using numbers = std::vector<std::uint64_t>;

} // namespace weir::test
