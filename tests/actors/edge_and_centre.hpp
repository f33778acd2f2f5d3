// An edge and its centre without sockets, threads or time: the edge's outbox and session
// and the centre's store together. For tests in which one of them is set back.
#pragma once

#include "storage/outbox.hpp"
#include "storage/store.hpp"
#include "transport/block_codec.hpp"
#include "transport/uplink_session.hpp"

#include "tests/storage/codec.hpp"
#include "tests/storage/records.hpp"
#include "tests/storage/temp_directory.hpp"

#include <catch2/catch.hpp>

#include <filesystem>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace weir::test {

using namespace weir::transport;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

inline constexpr const char* name = "north";
inline constexpr std::uint64_t credit = 1 << 20;

/// Counts the windows that were made; no two are the same.
struct window_source {
  int made = 0;

  analytics::record_block next(int count) {
    analytics::record_block result;
    result.series = {"t{}"};
    for (int i = 0; i < count; ++i)
      result.summaries.push_back(make_summary(++made * 10 * second_ns, 1.0));
    return result;
  }
};

/// Stores what comes and answers as the contract says.
struct centre {
  explicit centre(const fs::path& directory)
    : store{
      storage::store::open({.directory = directory, .size_bytes_max = 64 << 20}, 1)
        .value()} {
  }

  uplink_position position(std::uint64_t epoch) const {
    auto x = store->position(name, epoch).value();
    return x ? uplink_position{x->through_seq, x->lane_first, x->lane_through}
             : uplink_position{};
  }

  welcome_message on_hello(const hello_message& x) {
    auto at = position(x.epoch);
    REQUIRE(
      store->note_hello({name, x.epoch, x.run, x.next_seq, x.unsent_seq}, ++time_ns));
    return {x.epoch, at, credit, 0, 0};
  }

  ack_message on_batch(const batch_message& batch) {
    std::vector<storage::incoming_block> blocks;
    for (const auto& x : batch.entries) {
      bool has_records = x.kind == entry_kind::records;
      blocks.push_back(
        {name, batch.epoch, x.run, x.first_seq, x.seq_span, batch.live_lane,
         has_records ? storage::range_fate::stored : storage::range_fate::expired,
         has_records ? decode_block(x.bytes).value() : analytics::record_block{}});
    }
    auto report = store->commit(blocks, ++time_ns).value();
    CHECK(report.violations.empty());
    for (const auto& x : report.outcomes)
      CHECK(x.result != storage::commit_result::gap);
    return {batch.epoch, position(batch.epoch), credit};
  }

  /// In the store; each was made with one event.
  struct contents {
    int windows = 0;
    int events = 0;
    bool operator==(const contents&) const = default;
  };
  contents stored() const {
    auto series = store->find_series({}).value();
    REQUIRE(series.size() == 1);
    auto all = store->query(series.front().id, 0, 1'000'000 * second_ns, 1 << 20);
    contents result;
    for (const auto& x : all.value()) {
      result.windows += 1;
      result.events += static_cast<int>(x.count);
    }
    return result;
  }

  std::unique_ptr<storage::store> store;
  std::int64_t time_ns = 1;
};

inline uplink_entry to_entry(storage::outbox_entry&& x) {
  auto& block = std::get<storage::stored_block>(x); // Nothing is given up here.
  return {entry_kind::records, block.run,          block.first_seq,
          block.seq_span,      block.record_count, std::move(block.bytes)};
}

/// One life of the edge's process.
class edge {
public:
  edge(const fs::path& directory, window_source& windows)
    : box{storage::outbox::open(with_codec(directory, 8 << 20), 1).value()},
      windows_{windows} {
  }

  void make(int records_each, int blocks = 1) {
    for (int i = 0; i < blocks; ++i) {
      auto block = storage::new_block{encode_block(windows_.next(records_each)),
                                      static_cast<std::uint32_t>(records_each)};
      REQUIRE(box->commit({&block, 1}, nullptr));
    }
    if (session_)
      session_->new_data(now_);
    exchange();
  }

  void connect(centre& to) {
    centre_ = &to;
    uplink_session_config config;
    config.epoch = box->epoch();
    config.run = box->run();
    session_.emplace(config, sources());
    session_->start(now_);
    exchange();
  }

  void disconnect() {
    session_.reset();
  }

  std::unique_ptr<storage::outbox> box;
  int batches_left = 1'000'000; ///< So many arrive; those after them are lost.
  bool loses_main_lane = false;
  int renewals = 0;
  std::uint64_t given_up = 0; ///< Numbers that neither it nor the centre has.

private:
  uplink_session::sources sources() {
    return {[this](std::uint64_t seq, std::size_t size) {
              std::vector<uplink_entry> result;
              auto found = box->read_after(seq, size).value();
              for (auto& x : found)
                result.push_back(to_entry(std::move(x)));
              return result;
            },
            [] { return edge_status{}; }, [this] { return box->stats().next_seq; },
            [this](const uplink_position& at) {
              ++renewals;
              return box->renew_epoch(at.through_seq, at.lane_first, at.lane_through)
                .value()
                .epoch;
            },
            [this] { return box->stats().unsent_seq; }};
  }

  /// Until nobody has anything to say.
  void exchange() {
    while (session_) {
      auto actions = session_->take_actions();
      if (actions.empty())
        return;
      for (auto& x : actions)
        perform(x);
    }
  }

  void perform(const uplink_action& x) {
    REQUIRE_FALSE(std::holds_alternative<close_link>(x));
    if (const auto* missing = std::get_if<report_missing>(&x))
      given_up += missing->last_seq - missing->first_seq + 1;
    if (std::holds_alternative<open_link>(x))
      session_->connected(now_);
    else if (std::holds_alternative<report_contact>(x))
      box->note_contact();
    else if (const auto* acked = std::get_if<report_acked>(&x))
      REQUIRE(box->acknowledge(acked->position.through_seq, acked->position.lane_first,
                               acked->position.lane_through));
    else if (const auto* sent = std::get_if<send_message>(&x))
      answer(sent->message);
  }

  void answer(const uplink_message& message) {
    if (const auto* hello = std::get_if<hello_message>(&message))
      session_->received(now_, centre_->on_hello(*hello));
    const auto* batch = std::get_if<batch_message>(&message);
    if (batch == nullptr || (loses_main_lane && !batch->live_lane)
        || batches_left-- <= 0)
      return;
    session_->received(now_, centre_->on_batch(*batch));
  }

  window_source& windows_;
  centre* centre_ = nullptr;
  std::optional<uplink_session> session_;
  uplink_session::time_point now_{1h};
};

} // namespace weir::test
