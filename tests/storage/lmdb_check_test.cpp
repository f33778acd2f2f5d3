// Damaged data files: each is either opened with its data or set aside; none
// ends the program.
#include "storage/lmdb_check.hpp"

#include "storage/outbox.hpp"
#include "tests/storage/temp_directory.hpp"

#include <catch2/catch.hpp>

#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <iterator>
#include <random>
#include <stdexcept>
#include <string>

using namespace weir::storage;
namespace fs = std::filesystem;

namespace {

constexpr std::size_t all_pages = 1 << 20;

std::string read_file(const fs::path& file) {
  std::ifstream in{file, std::ios::binary};
  return {std::istreambuf_iterator<char>{in}, {}};
}

void write_file(const fs::path& file, const std::string& bytes) {
  std::ofstream{file, std::ios::binary} << bytes;
}

outbox_config config_in(const weir::test::temp_directory& directory) {
  return {directory / "outbox", 8 << 20};
}

/// The file of an outbox with small and large blocks, some acknowledged: trees
/// of some depth, overflow pages, a free list. Made once.
const std::string& sound_file() {
  static const auto bytes = [] {
    weir::test::temp_directory directory;
    auto config = config_in(directory);
    auto made = outbox::open(config, 1).value();
    for (std::size_t i = 0; i < 300; ++i) {
      auto size = i % 7 == 0 ? 9000 : 50 + i;
      auto block = new_block{std::string(size, 'b'), 3, block_priority::summary};
      made->commit({&block, 1}, nullptr).value();
    }
    if (!made->acknowledge(300))
      throw std::runtime_error("cannot acknowledge");
    made.reset();
    return read_file(config.directory / "data.mdb");
  }();
  return bytes;
}

struct fixture {
  weir::test::temp_directory directory;
  outbox_config config = config_in(directory);
  fs::path file = config.directory / "data.mdb";
  const std::string& sound = sound_file();

  fixture() {
    restore_with(sound);
  }

  file_condition condition() {
    return check_lmdb_file(file, all_pages).condition;
  }

  /// Opens and uses the outbox as a node would, in a process of its own: 0 if
  /// that ended well, whatever the file was.
  int use_in_child() {
    auto child = ::fork();
    if (child == 0) {
      auto opened = outbox::open(config, 1);
      if (!opened)
        ::_exit(1);
      auto block = new_block{std::string(5000, 'n'), 1, block_priority::alert};
      auto fine = (*opened)->commit({&block, 1}, nullptr)
                  && (*opened)->read_after(0, ~std::size_t{0})
                  && (*opened)->acknowledge((*opened)->stats().next_seq)
                  && (*opened)->commit({&block, 1}, nullptr);
      opened->reset();
      ::_exit(fine ? 0 : 2);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }

  void restore_with(const std::string& bytes) {
    for (const auto& entry : fs::directory_iterator{directory.path()})
      fs::remove_all(entry.path());
    fs::create_directories(config.directory);
    write_file(file, bytes);
  }
};

} // namespace

TEST_CASE_METHOD(fixture, "a sound file passes, an absent one too",
                 "[storage][damage]") {
  CHECK(condition() == file_condition::sound);
  fs::resize_file(file, 0);
  CHECK(condition() == file_condition::absent);
  fs::remove(file);
  CHECK(condition() == file_condition::absent);
}

TEST_CASE_METHOD(fixture, "zeroed or foreign beginnings are damage",
                 "[storage][damage]") {
  auto bytes = sound;
  SECTION("first meta page") {
    bytes.replace(0, 4096, 4096, '\0');
  }
  SECTION("second meta page") {
    bytes.replace(4096, 4096, 4096, '\0');
  }
  SECTION("everything") {
    bytes.assign(bytes.size(), '\0');
  }
  SECTION("a text file") {
    bytes = "not a database\n";
  }
  write_file(file, bytes);
  CHECK(condition() == file_condition::damaged);
  CHECK(use_in_child() == 0);
}

TEST_CASE_METHOD(fixture, "a file cut off anywhere is opened or set aside",
                 "[storage][damage]") {
  auto step = GENERATE(range(1, 40));
  auto size = sound.size() * static_cast<std::size_t>(step) / 40;
  INFO("size " << size);
  restore_with(sound.substr(0, size));
  CHECK(use_in_child() == 0);
}

TEST_CASE_METHOD(fixture, "pages of noise never end the program", "[storage][damage]") {
  auto seed = GENERATE(range(1u, 61u));
  INFO("seed " << seed);
  auto random = std::mt19937{seed};
  auto bytes = sound;
  auto page = random() % (bytes.size() / 4096);
  for (std::size_t i = 0; i < 4096; ++i)
    bytes[page * 4096 + i] = static_cast<char>(random());
  restore_with(bytes);
  CHECK(use_in_child() == 0);
}

TEST_CASE_METHOD(fixture, "flipped bits never end the program", "[storage][damage]") {
  auto seed = GENERATE(range(1u, 101u));
  INFO("seed " << seed);
  auto random = std::mt19937{seed};
  auto bytes = sound;
  for (int i = 0; i < 8; ++i) { // Headers and entries are where it hurts.
    auto page = random() % (bytes.size() / 4096);
    auto offset = page * 4096 + random() % (i % 2 == 0 ? 64u : 4096u);
    bytes[offset] = static_cast<char>(bytes[offset] ^ (1 << random() % 8));
  }
  restore_with(bytes);
  CHECK(use_in_child() == 0);
}

TEST_CASE_METHOD(fixture, "a check with few pages still looks at the roots",
                 "[storage][damage]") {
  CHECK(check_lmdb_file(file, 1).condition == file_condition::sound);
  fs::resize_file(file, 2 * 4096);
  auto verdict = check_lmdb_file(file, 1);
  CHECK(verdict.condition == file_condition::damaged);
  CHECK(verdict.reason.find("page") != std::string::npos);
}
