// kill -9 at random moments: what was confirmed is there, once, and the
// position agrees with the data.
#include "storage/outbox.hpp"
#include "storage/store.hpp"

#include "tests/storage/noise.hpp"
#include "tests/storage/records.hpp"
#include "tests/storage/temp_directory.hpp"

#include <catch2/catch.hpp>

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <limits>
#include <random>
#include <thread>

using namespace weir::storage;
using namespace weir::test;

namespace {

/// A child process that runs `work` until it is killed. `work` reports each
/// finished step through its argument.
class victim {
public:
  template <class Work>
  explicit victim(Work work) {
    int ends[2] = {-1, -1};
    if (::pipe(ends) != 0)
      throw std::runtime_error("no pipe");
    pid_ = ::fork();
    if (pid_ == 0) {
      ::close(ends[0]);
      work([fd = ends[1]](std::uint64_t step) {
        if (::write(fd, &step, sizeof(step)) != sizeof(step))
          ::_exit(3);
      });
      ::_exit(2); // It was to go on until it is killed.
    }
    ::close(ends[1]);
    reports_ = ends[0];
  }

  ~victim() {
    ::close(reports_);
  }

  /// Reads until `steps` steps are done, kills a little later, and returns the
  /// last step that was reported.
  std::uint64_t kill_after(int steps, std::chrono::microseconds later) {
    std::uint64_t last = 0;
    for (int i = 0; i < steps; ++i)
      if (::read(reports_, &last, sizeof(last)) != sizeof(last))
        break;
    std::this_thread::sleep_for(later); // The moment is the point of the test.
    ::kill(pid_, SIGKILL);
    int status = 0;
    ::waitpid(pid_, &status, 0);
    killed_ = WIFSIGNALED(status);
    std::uint64_t step = 0;
    while (::read(reports_, &step, sizeof(step)) == sizeof(step))
      last = step;
    return last;
  }

  bool killed() const {
    return killed_;
  }

private:
  pid_t pid_ = -1;
  int reports_ = -1;
  bool killed_ = false;
};

constexpr unsigned records_per_block = 20;

incoming_block nth_block(std::uint64_t n) {
  auto block = make_block(n * records_per_block + 1);
  for (unsigned i = 0; i < records_per_block; ++i)
    block.records.summaries.push_back(make_summary(
      static_cast<std::int64_t>(n * records_per_block + i) * 10 * second_ns, 1.0));
  return block;
}

std::uint64_t stored_blocks(const store& from) {
  auto position = from.position("north", 7).value();
  return position ? position->through_seq / records_per_block : 0;
}

} // namespace

TEST_CASE("a centre killed while it commits has each block whole and once", "[kill]") {
  temp_directory directory;
  auto config = store_config{.directory = directory / "store",
                             .size_bytes_max = 64 << 20,
                             .recent_rows_max = 5 * records_per_block};
  auto random = std::mt19937{4711};
  for (int round = 0; round < 20; ++round) {
    INFO("round " << round);
    auto child = victim{[&](auto report) {
      auto opened = store::open(config, 1);
      if (!opened)
        return;
      // As an edge would: again what may be there, then what is new.
      auto n = stored_blocks(**opened);
      for (n = n > 2 ? n - 2 : 0;; ++n) {
        auto block = nth_block(n);
        if (!(*opened)->commit({&block, 1}) || !(*opened)->maintain(30, 0))
          return;
        report(n + 1);
      }
    }};
    auto confirmed = child.kill_after(1 + static_cast<int>(random() % 10),
                                      std::chrono::microseconds{random() % 2000});
    CHECK(child.killed());
    auto opened = store::open(config, 1);
    REQUIRE(opened);
    CHECK_FALSE((*opened)->was_damaged());
    auto blocks = stored_blocks(**opened);
    CHECK(blocks >= confirmed);
    CHECK((*opened)->stats().summaries == blocks * records_per_block);
    auto limits = std::numeric_limits<std::int64_t>{};
    auto rows = (*opened)->query(1, limits.min(), limits.max(), 1 << 20).value();
    CHECK(rows.size() == blocks * records_per_block);
    CHECK((*opened)->position("north", 7).value()->records_stored
          == blocks * records_per_block);
  }
}

TEST_CASE("an edge killed while it appends and acknowledges keeps its numbering",
          "[kill]") {
  temp_directory directory;
  auto config = outbox_config{directory / "outbox", 1 << 20};
  auto random = std::mt19937{4712};
  for (int round = 0; round < 20; ++round) {
    INFO("round " << round);
    auto child = victim{[&](auto report) {
      auto opened = outbox::open(config, 1);
      for (int i = 0; opened; ++i) {
        auto block = new_block{std::string(3000, 'k'), 3, block_priority::summary};
        auto first = (*opened)->commit({&block, 1}, nullptr);
        if (!first || (i % 3 == 0 && !(*opened)->acknowledge(*first - 1)))
          return;
        report(*first + 2);
      }
    }};
    auto confirmed = child.kill_after(1 + static_cast<int>(random() % 10),
                                      std::chrono::microseconds{random() % 2000});
    CHECK(child.killed());
    auto opened = outbox::open(config, 1);
    REQUIRE(opened);
    CHECK_FALSE((*opened)->was_damaged());
    CHECK((*opened)->run() == 1);
    auto stats = (*opened)->stats();
    CHECK(stats.next_seq > confirmed);
    auto entries = (*opened)->read_after(0, ~std::size_t{0}).value();
    REQUIRE(entries.size() == stats.blocks);
    auto next = stats.acknowledged_seq + 1;
    for (const auto& entry : entries) {
      const auto& block = std::get<stored_block>(entry);
      CHECK(block.first_seq == next);
      CHECK(block.bytes.size() == 3000);
      next += block.seq_span;
    }
    CHECK(next == stats.next_seq);
  }
}

TEST_CASE("a checkpoint and its blocks are there together, whenever the kill comes",
          "[kill]") {
  temp_directory directory;
  auto config = outbox_config{directory / "outbox", 16 << 20};
  auto random = std::mt19937{4713};
  for (int round = 0; round < 20; ++round) {
    INFO("round " << round);
    auto child = victim{[&](auto report) {
      auto opened = outbox::open(config, 1);
      while (opened) {
        // Three records per commit; the state says how many were ever made.
        auto made = (*opened)->stats().next_seq + 2;
        auto block = new_block{"abc", 3, block_priority::summary};
        auto state = pack({made, {{"node", std::to_string(made)}, {"shard/0", {}}}});
        state.parts[1].state
          = packed_state{noise(100'000, static_cast<unsigned>(made))};
        if (!(*opened)->commit({&block, 1}, &state))
          return;
        report(made);
      }
    }};
    auto confirmed = child.kill_after(1 + static_cast<int>(random() % 5),
                                      std::chrono::microseconds{random() % 2000});
    auto opened = outbox::open(config, 1).value();
    auto made = opened->stats().next_seq - 1;
    CHECK(made >= confirmed);
    auto state = opened->load_checkpoint().value();
    REQUIRE(state);
    CHECK(state->journal_number == made);
    CHECK(state->parts.at(0).bytes == std::to_string(made));
    CHECK(state->parts.at(1).bytes == noise(100'000, static_cast<unsigned>(made)));
  }
}
