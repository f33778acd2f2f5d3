// The store dies at each of its failpoints, while windows move into blocks and go past
// their retention; then everything is there once.
#include "storage/failpoint.hpp"
#include "storage/store.hpp"
#include "tests/storage/records.hpp"
#include "tests/storage/temp_directory.hpp"

#include <catch2/catch.hpp>

#include <string>
#include <sys/wait.h>
#include <unistd.h>

using namespace weir::storage;
using namespace weir::test;

namespace {

constexpr std::uint64_t blocks = 60;
constexpr std::uint64_t rows_per_block = 20;
constexpr std::int64_t hour_ns = 3600 * second_ns;

/// Windows of 10 s, one a minute.
incoming_block nth_block(std::uint64_t n) {
  auto block = make_block(n * rows_per_block + 1);
  for (std::uint64_t i = 0; i < rows_per_block; ++i)
    block.records.summaries.push_back(make_summary(
      static_cast<std::int64_t>(n * rows_per_block + i) * 60 * second_ns, 1.0));
  return block;
}

/// From where the store stands to the end, with all that it does beside.
void go_on(const store_config& config) {
  auto uut = store::open(config, 1).value();
  auto position = uut->position("north", 7).value();
  for (auto n = (position ? position->through_seq : 0) / rows_per_block; n < blocks;
       ++n) {
    auto block = nth_block(n);
    uut->commit({&block, 1}).value();
    for (int i = 0; i < 10; ++i)
      uut->maintain(50, static_cast<std::int64_t>(n + 24) * hour_ns).value();
  }
}

std::uint64_t count_of(const store& from) {
  std::uint64_t result = 0;
  auto rows
    = from.query(1, -hour_ns, 1000 * hour_ns, 50)
        .value_or(
          std::vector<
            weir::analytics::summary>{}); // Before the first commit: no such series.
  for (const auto& x : rows)
    result += x.count;
  return result;
}

} // namespace

TEST_CASE("a store that dies at any of its failpoints goes on", "[failpoint]") {
  for (const std::string name :
       {"store.commit", "store.switch", "store.flush", "store.retention"})
    for (const std::string side : {".before", ".after"})
      for (const std::string pass : {":1", ":2", ":4"}) {
        if (name == "store.retention" && pass == ":4")
          continue; // It is not passed so often.
        CAPTURE(name + side + pass);
        temp_directory directory;
        store_config config{.directory = directory / "store",
                            .size_bytes_max = 64 << 20,
                            .recent_rows_max = 100};
        config.keep = {hour_ns, 2 * hour_ns, 3 * hour_ns, 0};
        auto child = ::fork();
        if (child == 0) {
          if (!set_failpoint(name + side + pass))
            ::_exit(1);
          go_on(config);
          ::_exit(0);
        }
        int status = 0;
        ::waitpid(child, &status, 0);
        REQUIRE(WIFEXITED(status));
        REQUIRE(WEXITSTATUS(status) == failpoint_exit_code);
        {
          auto uut = store::open(config, 1).value();
          auto position = uut->position("north", 7).value();
          CHECK(count_of(*uut) == (position ? position->through_seq : 0));
        }
        go_on(config);
        auto uut = store::open(config, 1).value();
        CHECK(count_of(*uut) == blocks * rows_per_block);
        CHECK(uut->damaged_spans().empty());
      }
}
