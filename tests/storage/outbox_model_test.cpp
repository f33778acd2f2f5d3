// Any sequence of commits, reads, acknowledgements, kills and restarts: every number that
// was given is acknowledged, or in one block as it was committed, or in one hole.
#include "storage/outbox.hpp"
#include "tests/storage/temp_directory.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

using namespace weir::storage;
namespace fs = std::filesystem;

namespace {

struct made_block {
  new_block block;
  std::uint32_t run = 0;
};

struct model {
  explicit model(unsigned seed) : random(seed) {
    reopen();
  }

  void reopen() {
    uut.reset();
    uut = outbox::open(config, 1).value();
  }

  /// As after kill -9: what the files hold at this moment, without closing.
  void kill() {
    auto path = directory / "killed";
    fs::remove_all(path);
    fs::copy(config.directory, path);
    uut.reset();
    fs::remove_all(config.directory);
    fs::rename(path, config.directory);
    reopen();
    auto told = lane.value_or(std::pair<std::uint64_t, std::uint64_t>{});
    REQUIRE(uut->acknowledge(acknowledged, told.first, told.second)); // Once more.
  }

  void commit() {
    std::vector<new_block> blocks(1 + random() % 3);
    for (auto& x : blocks) {
      x.record_count = static_cast<std::uint32_t>(1 + random() % 5);
      x.bytes = std::string(random() % 300, static_cast<char>('a' + random() % 26));
      x.priority = random() % 10 == 0  ? block_priority::alert
                   : random() % 3 == 0 ? block_priority::raw
                                       : block_priority::summary;
    }
    auto state = checkpoint{++journal, {{"node", std::to_string(journal)}}};
    bool has_state = random() % 2 == 0;
    auto packed = pack(state);
    auto first = uut->commit(blocks, has_state ? &packed : nullptr);
    REQUIRE(first);
    REQUIRE(*first == next);
    if (has_state)
      last_state = state;
    for (auto& x : blocks) {
      made[next] = {x, uut->run()};
      next += x.record_count;
    }
  }

  /// The numbers of a random block, or nothing.
  std::optional<std::uint64_t> some_last() {
    auto entries = uut->read_after(0, 1 + random() % 3000).value();
    if (entries.empty())
      return std::nullopt;
    sent = std::max(sent, last_seq_of(entries.back()));
    return last_seq_of(entries[random() % entries.size()]);
  }

  void acknowledge() {
    auto last = some_last();
    if (!last)
      return;
    if (lane && *last + 1 >= lane->first) {
      acknowledged = std::max(acknowledged, lane->second);
      lane.reset();
      REQUIRE(uut->acknowledge(acknowledged));
      return;
    }
    acknowledged = std::max(acknowledged, *last);
    if (lane)
      REQUIRE(uut->acknowledge(acknowledged, lane->first, lane->second));
    else
      REQUIRE(uut->acknowledge(acknowledged));
  }

  /// The uplink sends what is new first.
  void use_lane() {
    auto from = lane ? lane->second + 1 : next;
    commit();
    auto entries = uut->read_after(from - 1, 1 << 20).value();
    if (!entries.empty())
      sent = std::max(sent, last_seq_of(entries.back()));
    if (entries.empty() || acknowledged + 1 >= from)
      return;
    lane = {lane ? lane->first : from, last_seq_of(entries.back())};
    REQUIRE(uut->acknowledge(acknowledged, lane->first, lane->second));
  }

  bool is_acknowledged(std::uint64_t number) const {
    return number <= acknowledged
           || (lane && number >= lane->first && number <= lane->second);
  }

  void check() {
    auto path = directory / "copy";
    fs::remove_all(path);
    fs::copy(config.directory, path);
    auto copy = outbox::open({path, 1 << 30}, 1).value();
    for (const auto* box : {uut.get(), copy.get()}) {
      REQUIRE(box->stats().unsent_seq > sent);
      REQUIRE(box->stats().unsent_seq <= next);
    }
    if (lane)
      REQUIRE(copy->acknowledge(acknowledged, lane->first, lane->second));
    else
      REQUIRE(copy->acknowledge(acknowledged));
    auto entries = copy->read_after(0, ~std::size_t{0}).value();
    std::uint64_t at = 1;
    std::uint64_t hole_numbers = 0;
    for (const auto& entry : entries) {
      for (; at < first_seq_of(entry); ++at)
        REQUIRE(is_acknowledged(at));
      at = last_seq_of(entry) + 1;
      if (const auto* block = std::get_if<stored_block>(&entry)) {
        const auto& want = made.at(block->first_seq);
        REQUIRE(block->seq_span == want.block.record_count);
        REQUIRE(block->record_count == want.block.record_count);
        REQUIRE(block->bytes == want.block.bytes);
        REQUIRE(block->priority == want.block.priority);
        REQUIRE(block->run == want.run);
        continue;
      }
      hole_numbers += at - first_seq_of(entry);
      for (auto i = made.lower_bound(first_seq_of(entry));
           i != made.end() && i->first < at; ++i)
        REQUIRE(i->second.block.priority != block_priority::alert);
    }
    for (; at < next; ++at)
      REQUIRE(is_acknowledged(at));
    auto stats = uut->stats();
    REQUIRE(stats.next_seq == next);
    REQUIRE(stats.acknowledged_seq == acknowledged);
    REQUIRE(stats.blocks + stats.holes == entries.size());
    REQUIRE(stats.hole_numbers == hole_numbers);
    REQUIRE(uut->load_checkpoint().value() == last_state);
  }

  void step() {
    switch (random() % 12) {
    case 0:
    case 1:
      acknowledge();
      break;
    case 2:
      use_lane();
      break;
    case 3:
      static_cast<void>(some_last());
      break;
    case 4:
      if (random() % 4 == 0)
        REQUIRE(uut->begin_run());
      else if (random() % 2 == 0)
        reopen();
      else
        kill();
      break;
    default:
      commit();
    }
  }

  weir::test::temp_directory directory;
  outbox_config config{directory / "outbox", 5000};
  std::unique_ptr<outbox> uut;
  std::mt19937 random;
  std::map<std::uint64_t, made_block> made;
  std::uint64_t next = 1;
  std::uint64_t acknowledged = 0;
  std::uint64_t sent = 0; ///< The highest number that was read.
  std::optional<std::pair<std::uint64_t, std::uint64_t>> lane;
  std::uint64_t journal = 0;
  std::optional<checkpoint> last_state;
};

} // namespace

TEST_CASE("any sequence of calls keeps account of every number", "[outbox]") {
  for (unsigned seed = 0; seed < 10; ++seed) {
    INFO("seed " << seed);
    model uut{seed};
    for (int i = 0; i < 150; ++i) {
      INFO("step " << i);
      uut.step();
      if (i % 3 == 0)
        uut.check();
    }
  }
}
