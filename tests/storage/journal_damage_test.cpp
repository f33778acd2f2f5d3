// JOURNAL: files that were torn, changed, cut or are not ours. No start fails for
// them, and whatever is whole is read.
#include "storage/journal.hpp"

#include "storage/crc32c.hpp"
#include "tests/storage/journal_fixture.hpp"
#include "tests/support/hex.hpp"

#include <catch2/catch.hpp>

#include <filesystem>
#include <random>
#include <string>

using namespace weir::storage;
using namespace weir::test;
namespace fs = std::filesystem;

namespace {

struct damage_fixture : journal_fixture {
  /// A journal with records 1 to `count` in one file, which is returned.
  fs::path one_segment(std::uint64_t count) {
    auto uut = open();
    while (uut->next_number() <= count)
      append(*uut);
    uut = nullptr;
    for (const auto& file : segment_files())
      if (file_holds(file, payload_of(count)))
        return file;
    throw std::runtime_error("no such segment");
  }

  static std::size_t offset_of(const std::string& bytes, std::uint64_t number) {
    auto offset = bytes.find(payload_of(number));
    return offset - record_header_bytes;
  }

  std::size_t files_set_aside() const {
    std::size_t count = 0;
    for (const auto& x : fs::directory_iterator{config.directory})
      count += x.path().string().find(".damaged-") != std::string::npos ? 1u : 0u;
    return count;
  }
};

/// The records' bytes of the example in FORMAT.md.
constexpr std::uint32_t example_mark = 0x6d61726b;

} // namespace

TEST_CASE("the journal's bytes are those of the example in FORMAT.md", "[journal]") {
  CHECK(to_hex(encode(segment_header{7, 1, 1, example_mark}))
        == "776569726a726e6c000000016d61726b00000000000000070000000000000001"
           "0000000000000001c07a816b");
  auto record = std::string{};
  std::string_view parts[] = {"hel", "lo"};
  encode_record(record, example_mark, 1, 1, parts);
  CHECK(to_hex(record)
        == "6d61726b614c1dd70000000501010000000000000000000168656c6c6f000000");
}

TEST_CASE_METHOD(damage_fixture, "a torn tail is cut and counted once", "[journal]") {
  auto file = one_segment(20);
  auto bytes = read_file(file);
  auto tail = offset_of(bytes, 20);
  auto kept
    = GENERATE(std::size_t{4}, std::size_t{8}, std::size_t{24}, std::size_t{30});
  std::fill(bytes.begin() + static_cast<std::ptrdiff_t>(tail + kept), bytes.end(),
            '\0');
  write_file(file, bytes);
  auto uut = open();
  CHECK(uut->stats().torn_tails == 1);
  CHECK(uut->stats().damaged_regions == 0);
  CHECK(uut->next_number() == 20);
  CHECK(replay(*uut).replayed == 19);
  CHECK(all_seen_are_right());
  CHECK(append(*uut) == 20);
  uut = nullptr;
  uut = open();
  CHECK(uut->stats().torn_tails == 0);
  CHECK(replay(*uut).replayed == 20);
  CHECK(all_seen_are_right());
}

TEST_CASE_METHOD(damage_fixture, "damage in the middle costs the records it touches",
                 "[journal]") {
  auto file = one_segment(40);
  auto bytes = read_file(file);
  auto offset = offset_of(bytes, 10);
  // In turn: the mark, the checksum, the length, the number, the payload.
  auto inside = GENERATE(0u, 4u, 8u, 11u, 16u, 23u, 24u, 40u);
  bytes[offset + inside] ^= 0x40;
  write_file(file, bytes);
  auto uut = open();
  auto stats = uut->stats();
  CHECK(stats.damaged_regions == 1);
  CHECK(stats.damaged_bytes == record_bytes(payload_of(10).size()));
  CHECK(stats.torn_tails == 0);
  CHECK(stats.segments_set_aside == 0);
  auto report = replay(*uut);
  CHECK(report.replayed == 39);
  CHECK(report.missing == 1);
  CHECK(report.missing_first == 10);
  CHECK(report.missing_last == 10);
  CHECK(all_seen_are_right());
  CHECK(replay(*uut, 11).missing == 0);
}

TEST_CASE_METHOD(damage_fixture, "a segment with a bad header is set aside",
                 "[journal]") {
  auto file = one_segment(5);
  auto bytes = read_file(file);
  auto offset = GENERATE(0u, 9u, 12u, 20u, 28u, 36u, 43u);
  bytes[offset] ^= 1;
  write_file(file, bytes);
  auto uut = open();
  CHECK(uut->stats().segments_set_aside == 1);
  CHECK(files_set_aside() == 1);
  CHECK(replay(*uut).replayed == 0);
  uut->skip_to(6);
  CHECK(append(*uut) == 6);
  uut = nullptr;
  uut = open();
  CHECK(uut->stats().segments_set_aside == 0);
  CHECK(replay(*uut, 6).replayed == 1);
}

TEST_CASE_METHOD(damage_fixture, "a newer version is refused and left alone",
                 "[journal]") {
  auto file = one_segment(5);
  auto bytes = read_file(file);
  SECTION("of the segment") {
    auto header = bytes.substr(0, 44);
    header[11] = 2;
    // The checksum as that version would have it.
    std::string sound = header.substr(0, 40);
    auto crc = crc32c(sound);
    for (int i = 3; i >= 0; --i)
      sound.push_back(static_cast<char>(crc >> (8 * i)));
    bytes.replace(0, 44, sound);
  }
  SECTION("of a record") {
    auto offset = offset_of(bytes, 3);
    bytes[offset + 12] = 2;
    auto size = record_header_bytes - 8 + payload_of(3).size();
    auto crc = crc32c(std::string_view{bytes}.substr(offset + 8, size));
    for (std::size_t i = 0; i < 4; ++i)
      bytes[offset + 4 + i] = static_cast<char>(crc >> (8 * (3 - i)));
  }
  write_file(file, bytes);
  auto opened = journal::open(config, 1);
  REQUIRE_FALSE(opened);
  CHECK(opened.error().code == errc::unsupported);
  CHECK(opened.error().message.find("newer version") != std::string::npos);
  CHECK(read_file(file) == bytes);
  CHECK(files_set_aside() == 0);
}

TEST_CASE_METHOD(damage_fixture, "a segment of another journal is set aside",
                 "[journal]") {
  auto foreign = read_file(one_segment(3));
  fs::remove_all(config.directory);
  auto uut = open();
  auto count = append_until(*uut, 2 * segment_bytes);
  uut = nullptr;
  write_file(config.directory / "journal-77.seg", foreign);
  uut = open();
  CHECK(uut->stats().segments_set_aside == 1);
  CHECK(replay(*uut).replayed == count);
  CHECK(all_seen_are_right());
}

TEST_CASE_METHOD(damage_fixture,
                 "cut files and other things in the directory are no harm",
                 "[journal]") {
  auto file = one_segment(30);
  auto bytes = read_file(file);
  auto size = GENERATE(0u, 1u, 43u, 44u, 4096u, 4100u, 5000u);
  write_file(file, bytes.substr(0, size));
  write_file(config.directory / "journal-x.seg", "not a number");
  write_file(config.directory / "journal-9999999.seg", "no slot");
  write_file(config.directory / "readme.txt", "a person's");
  fs::create_directory(config.directory / "journal-70.seg");
  fs::create_symlink("/dev/null", config.directory / "journal-71.seg");
  auto uut = open();
  auto first = uut->next_number();
  CHECK(first <= 31);
  CHECK(files_set_aside() >= 2);
  CHECK(all_seen_are_right());
  append(*uut);
  uut = nullptr;
  uut = open();
  CHECK(replay(*uut, first).replayed == 1);
}

TEST_CASE_METHOD(damage_fixture, "a record in a payload is not taken for one",
                 "[journal]") {
  // Also a damaged length must not lead into a payload that looks like a record; the
  // mark is not known to who writes payloads, and old uses have other marks.
  auto inner = std::string{};
  std::string_view text = "inner";
  encode_record(inner, example_mark, 1, 2, {&text, 1});
  auto uut = open();
  append(*uut, std::string(8, 'x') + inner + inner);
  append(*uut);
  uut = nullptr;
  uut = open();
  CHECK(replay(*uut).replayed == 2);
  CHECK(seen[1].payload == payload_of(2));
}

TEST_CASE_METHOD(damage_fixture,
                 "a thousand random damages: no start fails, no wrong record comes",
                 "[journal][damage]") {
  auto uut = open();
  auto count = append_until(*uut, 2 * segment_bytes);
  uut = nullptr;
  auto originals = std::vector<std::pair<fs::path, std::string>>{};
  for (const auto& file : segment_files())
    originals.emplace_back(file, read_file(file));
  std::mt19937 random{4711};
  std::uint64_t replayed = 0;
  for (int round = 0; round < 1000; ++round) {
    CAPTURE(round);
    for (const auto& [file, bytes] : originals)
      write_file(file, bytes);
    for (auto changes = 1 + random() % 3; changes > 0; --changes) {
      const auto& [file, original] = originals[random() % originals.size()];
      auto bytes = read_file(file);
      auto at = random() % bytes.size();
      auto size = std::min<std::size_t>(random() % 2000, bytes.size() - at);
      switch (random() % 4) {
      case 0:
        bytes[at] = static_cast<char>(random());
        break;
      case 1: // A page that was lost.
        bytes.replace(at, size, size, '\0');
        break;
      case 2: // A piece in the wrong place.
        bytes.replace(at, size,
                      original.substr(random() % (original.size() - size), size));
        break;
      default:
        bytes.resize(at);
      }
      write_file(file, bytes);
    }
    uut = open();
    auto report = replay(*uut);
    CHECK(all_seen_are_right());
    CHECK(report.replayed + report.missing == uut->next_number() - 1);
    replayed += report.replayed;
    uut->skip_to(count + 1);
    CHECK(append(*uut) == count + 1);
    uut = nullptr;
    for (const auto& x : fs::directory_iterator{config.directory})
      if (x.path().string().find(".damaged-") != std::string::npos)
        fs::remove(x.path());
  }
  CHECK(replayed > 1000 * count / 2); // Most is saved.
}
