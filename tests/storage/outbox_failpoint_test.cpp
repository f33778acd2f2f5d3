// A process that dies at any commit point of the outbox: the database then is as it was
// before the step or as after it, byte for byte, and nothing in between.
#include "storage/failpoint.hpp"
#include "storage/lmdb_env.hpp"
#include "storage/outbox.hpp"

#include "tests/storage/codec.hpp"
#include "tests/storage/records.hpp"
#include "tests/storage/small_disk.hpp"
#include "tests/storage/temp_directory.hpp"

#include <catch2/catch.hpp>

#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>

using namespace weir::storage;
using namespace weir::test;

namespace {

using action = std::function<void(outbox&)>;
using dump = std::map<std::string, std::string>;

/// All keys and values of the database, but the random epoch.
dump read_all(const fs::path& directory) {
  lmdb_env env{{directory, 1 << 30, {"meta", "blocks", "chunks"}}, 1};
  lmdb_txn txn{env, false};
  dump result;
  for (std::size_t table = 0; table < 3; ++table) {
    auto cursor = lmdb_cursor{txn, lmdb_table{table}};
    for (bool more = cursor.first(); more; more = cursor.next())
      result[std::to_string(table) + " " + std::string{cursor.key()}] = cursor.value();
  }
  result["0 identity"].erase(0, 8);
  return result;
}

void commit(outbox& box, const std::string& bytes, std::uint32_t count,
            const packed_checkpoint* state = nullptr) {
  auto block = new_block{bytes, count};
  if (!box.commit({&block, 1}, state))
    throw std::runtime_error("not committed");
}

/// One step of the outbox, and the failpoints that it passes once.
struct scenario {
  std::string name; ///< Of the failpoints, without ".before".
  action prepare;
  action before; ///< What of the step is durable when its failpoint comes.
  action step;
};

weir::analytics::record_block many_windows() {
  weir::analytics::record_block result;
  result.series = {"t{}"};
  for (std::int64_t i = 0; i < 2500; ++i)
    result.summaries.push_back(make_summary(i * 10 * second_ns, 1.5));
  return result;
}

const auto state_1 = pack({1, {{"node", "one"}, {"shard/0", std::string(99, 'a')}}});
const auto state_2 = pack({2, {{"node", "two"}, {"shard/1", std::string(99, 'b')}}});

std::vector<scenario> scenarios() {
  auto nothing = [](outbox&) {};
  auto two_blocks = [](outbox& box) {
    commit(box, "first", 3, &state_1);
    commit(box, "second", 4);
  };
  auto windows = [](outbox& box) {
    commit(box, weir::transport::encode_block(many_windows()), 2500);
  };
  return {
    {"outbox.commit", two_blocks, nothing,
     [](outbox& box) { commit(box, "third", 5, &state_2); }},
    {"outbox.acknowledge", two_blocks, nothing,
     [](outbox& box) { static_cast<void>(box.acknowledge(3)); }}, // Durable at the end.
    {"outbox.offer", two_blocks, nothing,
     [](outbox& box) { static_cast<void>(box.read_after(0, 5)); }},
    {"outbox.begin_run", two_blocks, nothing,
     [](outbox& box) { static_cast<void>(box.begin_run()); }},
    {"outbox.drop_checkpoint", two_blocks, nothing,
     [](outbox& box) { static_cast<void>(box.drop_checkpoint()); }},
    {"outbox.renew_epoch", two_blocks, nothing,
     [](outbox& box) { static_cast<void>(box.renew_epoch(3)); }},
    {"outbox.coalesce", windows, [](outbox& box) { commit(box, "more", 1); },
     [](outbox& box) { commit(box, "more", 1); }},
  };
}

struct fixture {
  temp_directory directory;

  outbox_config config(const char* name, bool coalesces) {
    // Nearly full by the many windows.
    static const auto size
      = weir::transport::encode_block(many_windows()).size() * 11 / 10;
    auto result = with_codec(directory / name, size);
    result.coalesce_min_age_ns = 0;
    if (!coalesces)
      result.encode = nullptr;
    return result;
  }

  void act(const char* name, const action& what, bool coalesces = true) {
    auto box = outbox::open(config(name, coalesces), 1);
    REQUIRE(box);
    what(**box);
  }

  void copy(const char* from, const char* to) {
    fs::remove_all(directory / to);
    fs::copy(directory / from, directory / to);
  }

  int die(const char* name, const std::string& failpoint_text, const action& what) {
    auto child = ::fork();
    if (child == 0) {
      {
        auto box = outbox::open(config(name, true), 1);
        if (!box || !set_failpoint(failpoint_text))
          ::_exit(1);
        what(**box);
      }
      ::_exit(0);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
};

} // namespace

TEST_CASE_METHOD(fixture, "a death at a commit point leaves all of a step or nothing",
                 "[failpoint]") {
  for (const auto& x : scenarios()) {
    INFO(x.name);
    act("prepared", x.prepare, false);
    act(
      "prepared", [](outbox&) {}, false); // Opening once more changes nothing then.
    copy("prepared", "before");
    act("before", x.before, false);
    copy("prepared", "after");
    act("after", x.step);
    auto before = read_all(directory / "before");
    auto after = read_all(directory / "after");
    CHECK(before != after);
    copy("prepared", "victim");
    CHECK(die("victim", x.name + ".before:1", x.step) == failpoint_exit_code);
    CHECK(read_all(directory / "victim") == before);
    copy("prepared", "victim");
    CHECK(die("victim", x.name + ".after:1", x.step) == failpoint_exit_code);
    CHECK(read_all(directory / "victim") == after);
    // And it goes on from there.
    act("victim", [](outbox& box) {
      CHECK_FALSE(box.was_damaged());
      auto next = box.stats().next_seq;
      auto block = new_block{"goes on", 1};
      CHECK(box.commit({&block, 1}, nullptr).value() == next);
    });
    fs::remove_all(directory / "prepared");
  }
}

TEST_CASE_METHOD(fixture, "a death while blocks are given up leaves them or their hole",
                 "[failpoint]") {
  small_disk disk;
  if (!disk.mounted())
    return;
  auto config = outbox_config{disk.path() / "outbox", 64 << 20};
  for (std::string when : {"before", "after"}) {
    INFO(when);
    {
      auto box = outbox::open(config, 1).value();
      for (int i = 0; i < 20; ++i)
        commit(*box, std::string(20'000, 'd'), 1);
    }
    auto child = ::fork();
    if (child == 0) {
      auto box = outbox::open(config, 1).value();
      disk.fill();
      if (!set_failpoint("outbox.give_up." + when + ":1"))
        ::_exit(1);
      for (int i = 0; i < 100; ++i)
        commit(*box, std::string(20'000, 'd'), 1);
      ::_exit(0);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    REQUIRE(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == failpoint_exit_code);
    disk.free();
    auto box = outbox::open(config, 1).value();
    auto stats = box->stats();
    CHECK((stats.shed_records > 0) == (when == "after"));
    CHECK(stats.hole_numbers == stats.shed_records);
    CHECK(stats.records + stats.hole_numbers == stats.next_seq - 1);
    box.reset();
    fs::remove_all(config.directory);
  }
}

TEST_CASE("every failpoint of the outbox is tried above", "[failpoint]") {
  std::set<std::string> tried{"outbox.give_up"};
  for (const auto& x : scenarios())
    tried.insert(x.name);
  for (auto point : failpoint_names) {
    auto name = std::string{point};
    if (name.starts_with("outbox."))
      CHECK(tried.contains(name.substr(0, name.rfind('.'))));
  }
}
