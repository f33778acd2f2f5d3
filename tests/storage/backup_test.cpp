// Backups of a store that is written by another process, and what is restored from them.
#include "storage/backup.hpp"

#include "storage/failpoint.hpp"
#include "storage/lmdb_layout.hpp"
#include "storage/verify.hpp"
#include "tests/storage/small_disk.hpp"
#include "tests/storage/store_dump.hpp"
#include "tests/storage/temp_directory.hpp"

#include <catch2/catch.hpp>

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <functional>
#include <iterator>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

using namespace weir::storage;
using namespace weir::test;

namespace {

store_config config_of(const fs::path& directory) {
  return {.directory = directory, .size_bytes_max = 1 << 30};
}

std::string read_file(const fs::path& file) {
  std::ifstream in{file, std::ios::binary};
  return {std::istreambuf_iterator<char>{in}, {}};
}

void write_file(const fs::path& file, const std::string& bytes) {
  std::ofstream{file, std::ios::binary} << bytes;
}

/// Commits the made history to `directory` from where it is, in a process of its own,
/// as often as it is told to. Ends by being killed.
class writer {
public:
  explicit writer(const fs::path& directory) {
    int orders[2] = {-1, -1};
    int reports[2] = {-1, -1};
    if (::pipe(orders) != 0 || ::pipe(reports) != 0)
      throw std::runtime_error("no pipe");
    pid_ = ::fork();
    if (pid_ == 0) {
      auto opened = store::open(config_of(directory), 1);
      auto n = opened ? commits_in(**opened) : 0;
      for (char order = 0; opened && ::read(orders[0], &order, 1) == 1; ++n) {
        make_commit(**opened, n);
        if (::write(reports[1], &order, 1) != 1)
          break;
      }
      ::_exit(3);
    }
    ::close(orders[0]);
    ::close(reports[1]);
    orders_ = orders[1];
    reports_ = reports[0];
  }
  ~writer() {
    stop();
    ::close(orders_);
    ::close(reports_);
  }

  /// Does not wait for it.
  void order(int commits) {
    for (int i = 0; i < commits; ++i, ++ordered_)
      if (::write(orders_, "c", 1) != 1)
        throw std::runtime_error("the writer has ended");
  }

  /// Until all that was ordered is committed; how many that are.
  std::uint64_t wait() {
    for (char report = 0; done_ < ordered_; ++done_)
      if (::read(reports_, &report, 1) != 1)
        throw std::runtime_error("the writer has ended");
    return done_;
  }

  void stop() {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
    }
    pid_ = -1;
  }

private:
  pid_t pid_ = -1;
  int orders_ = -1;
  int reports_ = -1;
  std::uint64_t ordered_ = 0;
  std::uint64_t done_ = 0;
};

/// What a store with these commits answers.
std::string dump_after(std::uint64_t commits) {
  temp_directory directory;
  auto made = store::open(config_of(directory / "store"), 1).value();
  for (std::uint64_t n = 0; n < commits; ++n)
    make_commit(*made, n);
  return dump(*made);
}

struct fixture {
  temp_directory directory;

  void fill(int commits) {
    auto made = store::open(config_of(directory / "store"), 1).value();
    for (auto n = commits_in(*made), end = n + static_cast<unsigned>(commits); n < end;
         ++n)
      make_commit(*made, n);
  }

  weir::expected<backup_manifest, error> back_up(const char* to, copy_pace pace = {}) {
    return make_backup({directory / "store", directory / to, "weir test", pace}, 42);
  }

  weir::expected<backup_manifest, error> restore(const char* from, const char* to) {
    return restore_backup({directory / from, directory / to});
  }

  std::unique_ptr<store> open(const char* name) {
    auto opened = store::open(config_of(directory / name), 1);
    REQUIRE(opened);
    CHECK_FALSE((*opened)->was_damaged());
    return std::move(*opened);
  }

  /// The exit code of a process that does `work` and dies at the failpoint.
  int die(const std::string& failpoint_text, const std::function<void()>& work) {
    auto child = ::fork();
    if (child == 0) {
      if (!set_failpoint(failpoint_text))
        ::_exit(1);
      work();
      ::_exit(0);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

  /// What lies beside the store, in order.
  std::string names() {
    std::set<std::string> found;
    for (const auto& x : fs::directory_iterator{directory.path()})
      found.insert(x.path().filename());
    std::string result;
    for (const auto& x : found)
      result += x + " ";
    return result;
  }
};

} // namespace

TEST_CASE_METHOD(fixture,
                 "a backup made while another process commits is the state of one "
                 "commit, and can be restored whole",
                 "[backup]") {
  fill(300);
  writer other{directory / "store"};
  bool some_came_meanwhile = false;
  for (int round = 0; round < 8; ++round) {
    INFO("round " << round);
    other.order(10);
    auto before = 300 + other.wait();
    auto name = "backup-" + std::to_string(round);
    std::uint64_t pieces = 0;
    other.order(20); // While the store is checked and opened.
    auto made = back_up(name.c_str(), [&](auto, auto) {
      other.order(1); // While it is copied.
      ++pieces;
      return true;
    });
    auto after = 300 + other.wait();
    REQUIRE(made);
    CHECK(pieces > 10);
    CHECK(after > before + 30);
    CHECK(made->is_compacted);
    auto restored = "restored-" + std::to_string(round);
    REQUIRE(restore(name.c_str(), restored.c_str()));
    auto copy = open(restored.c_str());
    auto commits = commits_in(*copy);
    CHECK(commits >= before);
    CHECK(commits < after);
    some_came_meanwhile = some_came_meanwhile || commits > before;
    CHECK(dump(*copy) == dump_after(commits));
    make_commit(*copy, commits); // And it goes on.
    CHECK(commits_in(*copy) == commits + 1);
  }
  auto all = 300 + other.wait();
  other.stop();
  CHECK(dump(*open("store")) == dump_after(all)); // Nobody has disturbed it.
  if (!some_came_meanwhile)
    WARN("no commit came between the begin of a backup and its snapshot");
}

TEST_CASE_METHOD(fixture, "a store that is stopped is backed up and stays as it is",
                 "[backup]") {
  fill(30);
  auto before = read_file(directory / "store" / "data.mdb");
  auto made = back_up("backup");
  REQUIRE(made);
  CHECK(read_file(directory / "store" / "data.mdb") == before);
  CHECK(made->made_ns == 42);
  CHECK(made->program == "weir test");
  CHECK(made->format == 2);
  CHECK(made->store_id.size() == 16);
  CHECK(check_backup(directory / "backup").value() == *made);
  CHECK(made->size_bytes == fs::file_size(directory / "backup" / "data.mdb"));
  CHECK(names() == "backup store ");
  REQUIRE(restore("backup", "restored"));
  CHECK(dump(*open("restored")) == dump_after(30));
  // The restored store is the same one.
  auto again = make_backup({directory / "restored", directory / "again", "", {}}, 1);
  REQUIRE(again);
  CHECK(again->store_id == made->store_id);
}

TEST_CASE_METHOD(fixture, "a store that this process has open is not opened twice",
                 "[backup]") {
  fill(1);
  auto opened = open("store");
  auto made = back_up("backup");
  REQUIRE_FALSE(made);
  CHECK(made.error().code == errc::cannot_open);
  CHECK(made.error().message.find("this very process") != std::string::npos);
  opened.reset();
  CHECK(back_up("backup"));
}

TEST_CASE_METHOD(fixture, "a killed backup leaves none, and the next one is whole",
                 "[backup][failpoint]") {
  fill(20);
  int tried = 0;
  for (auto point : failpoint_names) {
    if (!point.starts_with("backup."))
      continue;
    ++tried;
    INFO(point);
    CHECK(die(std::string{point} + ":1", [&] { static_cast<void>(back_up("backup")); })
          == failpoint_exit_code);
    bool is_published = point == "backup.publish.after";
    CHECK(fs::exists(directory / "backup") == is_published);
    CHECK_FALSE(fs::exists(directory / "store.damaged-1"));
    if (!is_published) {
      // What lies there is not taken for one, as far as it was renamed by hand.
      if (point.starts_with("backup.data"))
        CHECK_FALSE(check_backup(directory / "backup.partial"));
      REQUIRE(back_up("backup"));
    }
    CHECK(check_backup(directory / "backup"));
    CHECK_FALSE(fs::exists(directory / "backup.partial"));
    fs::remove_all(directory / "restored");
    REQUIRE(restore("backup", "restored"));
    CHECK(dump(*open("restored")) == dump_after(20));
    fs::remove_all(directory / "backup");
  }
  CHECK(tried == 6);
}

TEST_CASE_METHOD(fixture,
                 "a killed restoration leaves no store, and the next one is whole",
                 "[backup][failpoint]") {
  fill(20);
  REQUIRE(back_up("backup"));
  int tried = 0;
  for (auto point : failpoint_names) {
    if (!point.starts_with("restore."))
      continue;
    ++tried;
    INFO(point);
    CHECK(die(std::string{point} + ":1",
              [&] { static_cast<void>(restore("backup", "restored")); })
          == failpoint_exit_code);
    bool is_published = point == "restore.publish.after";
    CHECK(fs::exists(directory / "restored") == is_published);
    if (!is_published)
      REQUIRE(restore("backup", "restored"));
    CHECK(dump(*open("restored")) == dump_after(20));
    CHECK_FALSE(fs::exists(directory / "restored.partial"));
    fs::remove_all(directory / "restored");
  }
  CHECK(tried == 4);
}

TEST_CASE_METHOD(fixture,
                 "a place that a killed backup left does not hold pages for ever",
                 "[backup]") {
  fill(300);
  auto size = [&] { return fs::file_size(directory / "store" / "data.mdb"); };
  CHECK(die("backup.data.before:1", [&] { static_cast<void>(back_up("backup")); })
        == failpoint_exit_code);
  auto opened = open("store"); // Its place is freed here...
  for (std::uint64_t n = 300; n < 600; ++n)
    make_commit(*opened, n);
  auto before = size();
  // ... and here, while the store is open: commits that only replace go round in place.
  auto child
    = die("backup.data.before:1", [&] { static_cast<void>(back_up("backup")); });
  CHECK(child == failpoint_exit_code);
  for (std::uint64_t i = 0; i < 2000; ++i) {
    auto counters = edge_counters{
      "north", 7, 600 * records_per_commit, static_cast<std::int64_t>(i), {i}};
    REQUIRE(opened->put_counters({&counters, 1}));
  }
  CHECK(size() < before + (6 << 20)); // 2,000 commits of some pages each: 30 MB.
}

TEST_CASE_METHOD(fixture, "what cannot be is refused, with nothing left", "[backup]") {
  fill(5);
  auto refused
    = [&](const fs::path& from, const fs::path& to, errc code, const std::string& why) {
        INFO(from << " -> " << to);
        auto made = make_backup({from, to, "", {}}, 1);
        REQUIRE_FALSE(made);
        INFO(made.error().message);
        CHECK(made.error().code == code);
        CHECK(made.error().message.find(why) != std::string::npos);
        CHECK_FALSE(fs::exists(to.string() + ".partial"));
      };
  refused(directory / "nothing", directory / "b", errc::cannot_open, "no data.mdb");
  refused(directory / "store", directory / "store", errc::cannot_open, "lies in");
  refused(directory / "store", directory / "store/b", errc::cannot_open, "lies in");
  fs::create_directory_symlink(directory / "store", directory / "link");
  refused(directory / "store", directory / "link/b", errc::cannot_open, "lies in");
  refused(directory / "store", directory / "no/b", errc::cannot_open, "make it first");
  fs::create_directory(directory / "there");
  refused(directory / "store", directory / "there", errc::cannot_open, "already");
  refused(directory / "store", {}, errc::cannot_open, "no name");

  auto stopped = back_up("b", [](auto, auto) { return false; });
  REQUIRE_FALSE(stopped);
  CHECK(stopped.error().message.find("stopped") != std::string::npos);
  CHECK(names() == "link store there ");

  REQUIRE(back_up("b"));
  write_file(directory / "there" / "file", "mine");
  for (const auto* used : {"there", "store", "b"}) {
    auto restored = restore("b", used);
    REQUIRE_FALSE(restored);
    CHECK(restored.error().code == errc::cannot_open);
    CHECK(restored.error().message.find("not empty") != std::string::npos);
  }
  CHECK(read_file(directory / "there" / "file") == "mine");
  REQUIRE_FALSE(restore("store", "r"));
  CHECK(restore("store", "r").error().message.find("no manifest") != std::string::npos);
  fs::create_directory(directory / "empty");
  CHECK(restore("b", "empty"));
  CHECK(dump(*open("empty")) == dump_after(5));
}

TEST_CASE_METHOD(fixture, "a damaged store is not copied as if it were sound",
                 "[backup]") {
  fill(50);
  auto file = directory / "store" / "data.mdb";
  auto bytes = read_file(file);
  for (std::size_t page = 2; page < 12; ++page)
    bytes.replace(page * 4096, 16, 16, '\x55');
  write_file(file, bytes);
  auto made = back_up("backup");
  REQUIRE_FALSE(made);
  CHECK(made.error().code == errc::damaged);
  CHECK(made.error().message.find("weir verify") != std::string::npos);
  CHECK(names() == "store ");
}

TEST_CASE_METHOD(fixture,
                 "a store with pages that are neither used nor free is copied, too",
                 "[backup]") {
  fill(50);
  auto file = directory / "store" / "data.mdb";
  auto bytes = read_file(file);
  {
    using namespace lmdb_layout;
    auto tree = read_metas(data_file{file}).trees[0];
    REQUIRE(tree.depth == 1);
    auto page = std::string_view{bytes}.substr(tree.root * 4096, 4096);
    auto header = load<page_header>(page.data());
    auto list = read_node(tree.root, page, header, 0).data; // Count, then pages.
    auto count = load<page_number>(list.data());
    REQUIRE(count > 0);
    bytes[static_cast<std::size_t>(list.data() - bytes.data())]
      = static_cast<char>(count - 1); // The last one is forgotten.
  }
  write_file(file, bytes);
  auto made = back_up("backup");
  REQUIRE(made);
  CHECK_FALSE(made->is_compacted);
  CHECK(check_backup(directory / "backup"));
  REQUIRE(restore("backup", "restored"));
  CHECK(dump(*open("restored")) == dump_after(50));
}

TEST_CASE_METHOD(fixture, "a full disk is said before the copy begins, and within it",
                 "[backup]") {
  small_disk disk; // Of 3 MB.
  if (!disk.mounted())
    return;
  fill(700);
  auto made = make_backup({directory / "store", disk.path() / "backup", "", {}}, 1);
  REQUIRE_FALSE(made);
  CHECK(made.error().code == errc::disk_full);
  CHECK(made.error().message.find("are needed") != std::string::npos);
  CHECK(fs::is_empty(disk.path()));

  temp_directory other;
  {
    auto small = store::open(config_of(other / "store"), 1).value();
    for (std::uint64_t n = 0; n < 100; ++n)
      make_commit(*small, n);
  }
  made = make_backup({other / "store", disk.path() / "backup", "",
                      [&](auto, auto) {
                        disk.fill(); // Somebody else.
                        return true;
                      }},
                     1);
  REQUIRE_FALSE(made);
  CHECK(made.error().code == errc::disk_full);
  disk.free();
  CHECK(fs::is_empty(disk.path()));
  made = make_backup({other / "store", disk.path() / "backup", "", {}}, 1);
  CHECK(made);
  auto restored = restore_backup(
    {disk.path() / "backup", disk.path() / "store", [&](auto done, auto all) {
       if (done == all)
         disk.fill();
       return true;
     }});
  REQUIRE_FALSE(restored);
  CHECK(restored.error().code == errc::disk_full);
  CHECK_FALSE(fs::exists(disk.path() / "store"));
}

TEST_CASE_METHOD(fixture, "any changed byte of a backup is found", "[backup]") {
  fill(20);
  REQUIRE(back_up("backup"));
  for (const auto* name : {"data.mdb", "manifest"}) {
    auto file = directory / "backup" / name;
    auto sound = read_file(file);
    auto step = std::max<std::size_t>(1, sound.size() / 97);
    for (std::size_t at = 0; at < sound.size(); at += step) {
      auto bytes = sound;
      bytes[at] = static_cast<char>(bytes[at] ^ 0x10);
      write_file(file, bytes);
      INFO(name << " at " << at);
      CHECK_FALSE(check_backup(directory / "backup"));
    }
    write_file(file, sound.substr(0, sound.size() - 1));
    CHECK_FALSE(check_backup(directory / "backup"));
    write_file(file, sound + "x");
    CHECK_FALSE(check_backup(directory / "backup"));
    auto restored = restore("backup", "restored");
    REQUIRE_FALSE(restored);
    CHECK_FALSE(fs::exists(directory / "restored"));
    CHECK_FALSE(fs::exists(directory / "restored.partial"));
    write_file(file, sound);
  }
  CHECK(restore("backup", "restored"));
}
