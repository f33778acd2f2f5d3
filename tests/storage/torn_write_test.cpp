// POWER CUTS: the writes and syncs of a run are recorded, images of what a cut could
// have left are made, and each is opened with the real code: no crash, nothing set
// aside, everything that was promised is there. The same check must find losses where
// syncs are ignored.
#include "storage/journal.hpp"
#include "storage/outbox.hpp"
#include "storage/store.hpp"

#include "tests/storage/journal_fixture.hpp"
#include "tests/storage/noise.hpp"
#include "tests/storage/records.hpp"
#include "tests/storage/temp_directory.hpp"
#include "tests/support/crash_images.hpp"

#include <catch2/catch.hpp>

#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <limits>
#include <random>
#include <string>
#include <variant>
#include <vector>

using namespace weir::storage;
using namespace weir::test;
namespace fs = std::filesystem;

namespace {

/// Empty: all is well; otherwise what is wrong.
using verdict = std::string;

/// What a run has promised: numbers from `needed` to `through` are there.
struct promise {
  std::uint64_t needed = 1;
  std::uint64_t through = 0;
};

/// A recorded run, and what it had promised at each note.
struct run {
  recording files;
  std::vector<promise> promises{{}};
};

class promising_recorder {
public:
  explicit promising_recorder(const fs::path& directory) : recorder_(directory) {
  }

  void through(std::uint64_t number) {
    run_.promises.push_back({run_.promises.back().needed, number});
    recorder_.note(run_.promises.size() - 1);
  }
  /// Before the run lets go of what is older.
  void needs_only(std::uint64_t number) {
    run_.promises.push_back({number, run_.promises.back().through});
    recorder_.note(run_.promises.size() - 1);
  }
  run stop() {
    run_.files = recorder_.stop();
    return std::move(run_);
  }

private:
  write_recorder recorder_;
  run run_;
};

using checker = std::function<verdict(const fs::path&, const promise&)>;

/// In a child, as it may well crash.
bool is_well_in_child(const std::function<verdict()>& check) {
  auto child = ::fork();
  if (child == 0) {
    if (::freopen("/dev/null", "w", stderr) == nullptr)
      ::_exit(3);
    ::_exit(check().empty() ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

void check_images(const run& what, std::size_t images, const checker& check) {
  temp_directory directory;
  std::size_t made = 0;
  for_each_crash_image(what.files, {images, 4711, false}, [&](const crash_image& x) {
    ++made;
    INFO("image " << made << ", cut in event " << x.event << " of "
                  << what.files.events.size());
    write_image(what.files, x, directory / "image");
    CHECK(check(directory / "image", what.promises[x.promised]) == "");
  });
  CHECK(made == images);
}

/// The check is worth something: without syncs it finds what is lost.
void check_sensitivity(const run& what, std::size_t images, const checker& check) {
  temp_directory directory;
  std::size_t bad = 0;
  for_each_crash_image(what.files, {images, 4711, true}, [&](const crash_image& x) {
    write_image(what.files, x, directory / "image");
    auto well = is_well_in_child(
      [&] { return check(directory / "image", what.promises[x.promised]); });
    bad += well ? 0u : 1u;
  });
  CAPTURE(bad, images);
  CHECK(bad > images / 2);
}

// -- Journal ------------------------------------------------------------------------

constexpr std::size_t segment_bytes = 16'384;

journal_config journal_at(fs::path directory) {
  return {.directory = std::move(directory),
          .size_bytes_max = 4 * segment_bytes,
          .segment_bytes = segment_bytes};
}

run run_journal(std::uint64_t records, bool sync_each) {
  temp_directory directory;
  auto config = journal_at(directory / "journal");
  config.sync_each_append = sync_each;
  auto uut = journal::open(config, 1).value();
  promising_recorder recorder{config.directory};
  std::mt19937 random{4711};
  for (std::uint64_t n = 1; n <= records; ++n) {
    auto payload = payload_of(n);
    std::string_view part = payload;
    REQUIRE(uut->append(1, {&part, 1}).value() == n);
    if (sync_each)
      recorder.through(n);
    if (random() % 5 == 0) {
      REQUIRE(uut->sync());
      recorder.through(n);
    }
    if (random() % 20 == 0 && n > 30) {
      recorder.needs_only(n - 30);
      uut->recycle(n - 30);
    }
  }
  CHECK(uut->first_number() > 1); // Files were used again.
  return recorder.stop();
}

verdict check_journal(const fs::path& directory, const promise& due) {
  auto opened = journal::open(journal_at(directory), 1);
  if (!opened)
    return opened.error().message;
  auto& uut = **opened;
  if (uut.stats().segments_set_aside > 0)
    return "a segment was set aside";
  auto next = due.needed;
  verdict result;
  auto report = uut.replay(due.needed, [&](const journal_record& x) {
    if (x.payload != payload_of(x.number))
      result = "record " + std::to_string(x.number) + " is wrong";
    if (x.number != next && next <= due.through)
      result = "record " + std::to_string(next) + " is missing";
    next = x.number + 1;
  });
  if (!report || !result.empty())
    return result;
  if (next <= due.through)
    return "records end at " + std::to_string(next) + " before "
           + std::to_string(due.through);
  uut.recycle(uut.next_number());
  std::string_view part = "new";
  auto number = uut.append(1, {&part, 1});
  return number && *number >= next ? "" : "appending does not go on";
}

// -- Outbox -------------------------------------------------------------------------

outbox_config outbox_at(fs::path directory) {
  return {.directory = std::move(directory), .size_bytes_max = 1 << 20};
}

std::string block_bytes(std::uint64_t first_seq) {
  return std::to_string(first_seq) + ':'
         + std::string(500 + first_seq * 7919 % 5000, 'b');
}

/// The state at the time when `next_seq` was the next number.
checkpoint state_at(std::uint64_t next_seq) {
  return {next_seq,
          {{"shard/0", block_bytes(next_seq)},
           {"shard/1", noise(40'000, 1) + std::to_string(next_seq)}}};
}

run run_outbox(int commits) {
  temp_directory directory;
  auto config = outbox_at(directory / "outbox");
  auto uut = outbox::open(config, 1).value();
  promising_recorder recorder{config.directory};
  std::mt19937 random{4712};
  std::uint64_t next = 1;
  for (int i = 0; i < commits; ++i) {
    auto block = new_block{block_bytes(next), static_cast<std::uint32_t>(i % 4 + 1),
                           block_priority::summary};
    auto state = pack(state_at(next + block.record_count));
    REQUIRE(uut->commit({&block, 1}, &state).value() == next);
    next += block.record_count;
    recorder.through(next - 1);
    if (random() % 3 == 0) {
      auto through = next - 1 - random() % 6 % next;
      recorder.needs_only(through + 1);
      REQUIRE(uut->acknowledge(through));
    }
  }
  return recorder.stop();
}

verdict check_outbox(const fs::path& directory, const promise& due) {
  auto opened = outbox::open(outbox_at(directory), 1);
  if (!opened)
    return opened.error().message;
  auto& uut = **opened;
  if (uut.was_damaged())
    return "the database was set aside";
  auto blocks = uut.read_after(0, ~std::size_t{0});
  if (!blocks)
    return blocks.error().message;
  // Blocks and the state that belongs to them are there together.
  auto saved = uut.load_checkpoint();
  if (!saved)
    return saved.error().message;
  if (*saved && **saved != state_at(uut.stats().next_seq))
    return "the checkpoint is not that of the last blocks";
  if (!*saved && due.through > 0)
    return "the checkpoint is missing";
  auto next = due.needed; // Up to here blocks may be there or not.
  for (const auto& entry : *blocks) {
    const auto& x = std::get<stored_block>(entry);
    if (x.bytes != block_bytes(x.first_seq))
      return "block " + std::to_string(x.first_seq) + " is wrong";
    if (x.first_seq > next)
      return "record " + std::to_string(next) + " is missing";
    next = std::max(next, x.first_seq + x.record_count);
  }
  if (next <= due.through)
    return "record " + std::to_string(next) + " is missing at the end";
  auto block = new_block{block_bytes(next), 1, block_priority::summary};
  auto number = uut.commit({&block, 1}, nullptr);
  return number && *number > due.through ? "" : "appending does not go on";
}

// -- Store --------------------------------------------------------------------------

constexpr unsigned records_per_block = 20;

store_config store_at(fs::path directory) {
  // So few that windows move into blocks all the time.
  return {.directory = std::move(directory),
          .size_bytes_max = 64 << 20,
          .recent_rows_max = 5 * records_per_block};
}

incoming_block nth_block(std::uint64_t n) {
  auto block = make_block(n * records_per_block + 1);
  for (unsigned i = 0; i < records_per_block; ++i)
    block.records.summaries.push_back(make_summary(
      static_cast<std::int64_t>(n * records_per_block + i) * 10 * second_ns, 1.0));
  return block;
}

run run_store(std::uint64_t commits) {
  temp_directory directory;
  auto config = store_at(directory / "store");
  auto uut = store::open(config, 1).value();
  promising_recorder recorder{config.directory};
  for (std::uint64_t n = 0; n < commits; ++n) {
    auto block = nth_block(n);
    REQUIRE(uut->commit({&block, 1}));
    recorder.through((n + 1) * records_per_block);
    REQUIRE(uut->maintain(30, static_cast<std::int64_t>(n) * second_ns));
  }
  return recorder.stop();
}

verdict check_store(const fs::path& directory, const promise& due) {
  auto opened = store::open(store_at(directory), 1);
  if (!opened)
    return opened.error().message;
  auto& uut = **opened;
  if (uut.was_damaged())
    return "the database was set aside";
  auto position = uut.position("north", 7);
  if (!position)
    return position.error().message;
  auto through = *position ? (*position)->through_seq : 0;
  if (through < due.through)
    return "the position is " + std::to_string(through) + ", before "
           + std::to_string(due.through);
  if (uut.stats().summaries != through)
    return "position and summaries do not agree";
  auto limits = std::numeric_limits<std::int64_t>{};
  if (through > 0
      && uut.query(1, limits.min(), limits.max(), 1 << 20).value().size() != through)
    return "not all summaries are found";
  auto block = nth_block(through / records_per_block);
  auto report = uut.commit({&block, 1});
  return report && report->outcomes[0].result == commit_result::stored
           ? ""
           : "commits do not go on";
}

} // namespace

TEST_CASE("a power cut takes no synced record from the journal", "[torn]") {
  check_images(run_journal(400, false), 500, check_journal);
}

TEST_CASE("a power cut takes no record from a journal that syncs each append",
          "[torn]") {
  check_images(run_journal(250, true), 300, check_journal);
}

TEST_CASE("a power cut takes no committed block from the outbox", "[torn]") {
  check_images(run_outbox(120), 400, check_outbox);
}

TEST_CASE("a power cut takes no committed record from the store", "[torn]") {
  check_images(run_store(60), 300, check_store);
}

TEST_CASE("without syncs the same checks find losses", "[torn]") {
  SECTION("of the journal") {
    check_sensitivity(run_journal(400, false), 60, check_journal);
  }
  SECTION("of the outbox") {
    check_sensitivity(run_outbox(120), 60, check_outbox);
  }
  SECTION("of the store") {
    check_sensitivity(run_store(60), 60, check_store);
  }
}

TEST_CASE("many power cuts", "[torn][.slow]") {
  check_images(run_journal(1000, false), 10'000, check_journal);
  check_images(run_outbox(300), 5'000, check_outbox);
  check_images(run_store(150), 5'000, check_store);
}
