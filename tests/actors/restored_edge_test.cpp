// An edge that is restored from a backup meets its centre again: the edge's outbox and
// session and the centre's store together, without sockets, threads or time.
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

using namespace weir;
using namespace weir::transport;
using namespace std::chrono_literals;
using test::second_ns;
namespace fs = std::filesystem;

namespace {

constexpr const char* name = "north";
constexpr std::uint64_t credit = 1 << 20;

/// Counts the windows that were made; no two are the same.
struct window_source {
  int made = 0;

  analytics::record_block next(int count) {
    analytics::record_block result;
    result.series = {"t{}"};
    for (int i = 0; i < count; ++i)
      result.summaries.push_back(test::make_summary(++made * 10 * second_ns, 1.0));
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
      REQUIRE(x.kind == entry_kind::records);
      blocks.push_back({name, batch.epoch, x.run, x.first_seq, x.seq_span,
                        batch.live_lane, storage::range_fate::stored,
                        decode_block(x.bytes).value()});
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

uplink_entry to_entry(storage::outbox_entry&& x) {
  auto& block = std::get<storage::stored_block>(x); // Nothing is given up here.
  return {entry_kind::records, block.run,          block.first_seq,
          block.seq_span,      block.record_count, std::move(block.bytes)};
}

/// One life of the edge's process.
class edge {
public:
  edge(const fs::path& directory, window_source& windows)
    : box{storage::outbox::open(test::with_codec(directory, 8 << 20), 1).value()},
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
    REQUIRE_FALSE(std::holds_alternative<report_missing>(x));
    REQUIRE_FALSE(std::holds_alternative<close_link>(x));
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

struct fixture {
  test::temp_directory directory;
  window_source windows;
  centre to{directory / "store"};

  void copy(const char* from, const char* into) {
    fs::remove_all(directory / into);
    fs::copy(directory / from, directory / into);
  }
};

} // namespace

TEST_CASE_METHOD(fixture,
                 "an edge restored from an old backup loses nothing, however many "
                 "records it makes before it meets the centre",
                 "[restored]") {
  auto waits_in_backup = GENERATE(0, 10);
  std::uint64_t old_epoch = 0;
  {
    auto original = edge{directory / "original", windows};
    old_epoch = original.box->epoch();
    original.connect(to);
    original.make(2, 10); // Numbers 1 to 20.
    original.disconnect();
    original.make(1, waits_in_backup);
  }
  copy("original", "restored");
  {
    auto original = edge{directory / "original", windows};
    original.connect(to);
    original.make(3, 10);
    CHECK(original.renewals == 0);
    CHECK(original.box->stats().blocks == 0);
  }
  auto before = 50 + waits_in_backup;
  REQUIRE(to.stored() == centre::contents{before, before});

  auto made = GENERATE(0, 1, 29, 30, 31, 100);
  INFO(made << " made after the restoration");
  {
    auto restored = edge{directory / "restored", windows};
    restored.make(1, made / 2);
  }
  auto restored = edge{directory / "restored", windows};
  restored.make(1, made - made / 2);
  restored.connect(to);
  CHECK(restored.renewals == 1);
  CHECK(restored.box->epoch() != old_epoch);
  CHECK(restored.box->stats().blocks == 0);
  CHECK(to.stored() == centre::contents{windows.made, windows.made});
  CHECK(windows.made == before + made);
  restored.make(1, 3); // And goes on.
  CHECK(to.stored() == centre::contents{windows.made, windows.made});

  auto old = to.store->position(name, old_epoch).value();
  CHECK(old->behind_seq >= 20);
  CHECK(old->behind_seq <= 20u + static_cast<unsigned>(waits_in_backup));
  CHECK(old->missing() == 0);
  CHECK(old->records_duplicate == 0);
  auto events = to.store->ledger_events(name).value();
  REQUIRE(events.size() == 1);
  CHECK(events[0].cause == storage::epoch_cause::renewed);
}

TEST_CASE_METHOD(fixture,
                 "a backlog that was in the backup, and not yet at the centre, "
                 "is sent by the restored edge",
                 "[restored]") {
  {
    auto original = edge{directory / "original", windows};
    original.connect(to);
    original.make(1, 20);
  }
  {
    auto original = edge{directory / "original", windows};
    original.make(600, 2);
    copy("original", "restored");
    original.loses_main_lane = true;
    original.connect(to);
    original.make(1, 5); // They arrive before the backlog.
    REQUIRE(to.position(original.box->epoch()) == uplink_position{20, 1221, 1225});
  }
  auto restored = edge{directory / "restored", windows};
  restored.make(1, 50);
  restored.connect(to);
  CHECK(restored.renewals == 1);
  CHECK(restored.box->stats().blocks == 0);
  CHECK(to.stored() == centre::contents{windows.made, windows.made});
}

// Nobody can know whether they were made before the backup or after the restoration.
TEST_CASE_METHOD(fixture,
                 "what was in the backup from a life that never met the centre is sent "
                 "once more rather than lost",
                 "[restored]") {
  {
    auto original = edge{directory / "original", windows};
    original.connect(to);
    original.make(1, 20);
  }
  {
    auto original = edge{directory / "original", windows};
    original.make(1, 10);
    copy("original", "restored");
    original.connect(to);
    original.make(1, 5);
  }
  auto restored = edge{directory / "restored", windows};
  restored.make(1, 50);
  restored.connect(to);
  CHECK(restored.renewals == 1);
  CHECK(to.stored() == centre::contents{windows.made, windows.made + 10});
}

TEST_CASE_METHOD(fixture,
                 "an edge that is killed again and again is not taken for a "
                 "restored one",
                 "[restored]") {
  auto random = std::mt19937{7};
  auto life = std::make_optional<edge>(directory / "a", windows);
  auto epoch = life->box->epoch();
  for (int i = 0; i < 60; ++i) {
    life->batches_left = static_cast<int>(random() % 4);
    if (random() % 4 != 0)
      life->connect(to);
    life->make(static_cast<int>(1 + random() % 400), static_cast<int>(random() % 6));
    copy("a", "b"); // What a kill leaves: nothing is closed.
    CHECK(life->renewals == 0);
    life.reset();
    copy("b", "a");
    life.emplace(directory / "a", windows);
  }
  life->connect(to);
  CHECK(life->renewals == 0);
  CHECK(life->box->epoch() == epoch);
  CHECK(life->box->stats().blocks == 0);
  CHECK(to.stored() == centre::contents{windows.made, windows.made});
  CHECK(to.store->position(name, epoch).value()->behind_seq == 0);
}
