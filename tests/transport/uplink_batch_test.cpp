#include "transport/uplink_batch.hpp"

#include "analytics/zstd_codec.hpp"
#include "transport/block_codec.hpp"
#include "transport/msgpack_io.hpp"

#include <catch2/catch.hpp>

#include <limits>
#include <random>

using namespace weir::transport;
using weir::analytics::zstd_compress;
using weir::analytics::zstd_decompress;

namespace {

constexpr auto u64_max = std::numeric_limits<std::uint64_t>::max();

struct raw_entry {
  std::uint64_t kind = 0;
  std::uint64_t run = 1;
  std::uint64_t first_seq = 1;
  std::uint64_t seq_span = 1;
  std::uint64_t record_count = 1;
  std::string bytes = "x";
};

std::string plain(const std::vector<raw_entry>& entries) {
  std::string result;
  msgpack_writer out{result};
  out.array(entries.size());
  for (const auto& x : entries) {
    out.array(6);
    for (auto field : {x.kind, x.run, x.first_seq, x.seq_span, x.record_count})
      out.natural(field);
    out.binary(x.bytes);
  }
  return result;
}

weir::expected<std::vector<uplink_entry>, error> decode(std::string_view bytes) {
  return decode_entries(0, bytes.size(), bytes);
}

bool is_malformed(const std::vector<raw_entry>& entries) {
  auto result = decode(plain(entries));
  return !result && result.error().code == errc::malformed;
}

std::string noise(std::size_t size, unsigned seed = 1) {
  auto random = std::mt19937{seed};
  std::string result(size, '\0');
  for (auto& x : result)
    x = static_cast<char>(random());
  return result;
}

std::vector<uplink_entry> some_blocks(std::size_t count, const std::string& bytes) {
  std::vector<uplink_entry> result;
  for (std::size_t i = 0; i < count; ++i)
    result.push_back({entry_kind::records, 1, 1 + i, 1, 1, bytes});
  return result;
}

} // namespace

TEST_CASE("a batch is compressed where that gains, and comes back as it was",
          "[uplink_batch]") {
  SECTION("many that are alike") {
    auto entries = some_blocks(100, "a block that was too small to be compressed");
    auto encoded = encode_entries(entries);
    CHECK(encoded.encoding == batch_encoding::zstd);
    CHECK(encoded.bytes.size() < encoded.size_bytes / 10);
    CHECK(decode_entries(1, encoded.size_bytes, encoded.bytes).value() == entries);
  }
  SECTION("a few") {
    auto entries = some_blocks(1, "small");
    auto encoded = encode_entries(entries);
    CHECK(encoded.encoding == batch_encoding::plain);
    CHECK(decode_entries(0, encoded.size_bytes, encoded.bytes).value() == entries);
  }
  SECTION("blocks that are compressed already") {
    auto entries = some_blocks(100, "\3" + std::string(1000, 'x'));
    auto encoded = encode_entries(entries);
    CHECK(encoded.encoding == batch_encoding::plain); // Was not tried.
    CHECK(decode_entries(0, encoded.size_bytes, encoded.bytes).value() == entries);
  }
  SECTION("noise") {
    auto entries = some_blocks(1, noise(100'000));
    auto encoded = encode_entries(entries);
    CHECK(encoded.encoding == batch_encoding::plain);
    CHECK(decode_entries(0, encoded.size_bytes, encoded.bytes).value() == entries);
  }
}

TEST_CASE("the largest batch that a maker may make is read", "[uplink_batch]") {
  auto entries = some_blocks(batch_entries_max - 1, noise(8));
  for (auto& x : entries) { // The longest numbers.
    x.run = ~0u;
    x.first_seq += u64_max - 20'000;
  }
  entries.push_back(
    {entry_kind::records, ~0u, u64_max - 10'000, 5000, 5000, noise(block_bytes_max)});
  auto encoded = encode_entries(entries);
  CHECK(encoded.size_bytes <= batch_bytes_max);
  auto decoded = decode_entries(static_cast<std::uint8_t>(encoded.encoding),
                                encoded.size_bytes, encoded.bytes);
  REQUIRE(decoded);
  CHECK(*decoded == entries);
}

TEST_CASE("entries that cannot be are malformed", "[uplink_batch]") {
  CHECK(decode(plain({{}})));
  CHECK(decode(plain({{}, {.first_seq = 2}})));
  CHECK(decode(plain({{.seq_span = 5, .record_count = 0}}))); // All coalesced away.
  CHECK(decode(
    plain({{.kind = 2, .seq_span = u64_max - 1, .record_count = 0, .bytes = ""}})));
  CHECK(is_malformed({}));
  CHECK(is_malformed({{.kind = 3}}));
  CHECK(is_malformed({{.run = 1ull << 32}}));
  CHECK(is_malformed({{.first_seq = 0}}));
  CHECK(is_malformed({{.seq_span = 0, .record_count = 0}}));
  CHECK(is_malformed({{.first_seq = 2, .seq_span = u64_max - 1}}));
  CHECK(is_malformed({{.record_count = 2}}));
  CHECK(is_malformed({{.bytes = ""}}));
  CHECK(is_malformed({{.kind = 1}}));                       // A hole with records,
  CHECK(is_malformed({{.kind = 1, .record_count = 0}}));    // with bytes,
  CHECK(is_malformed({{.kind = 1, .bytes = ""}}));          // with a count.
  CHECK(is_malformed({{}, {}}));                            // The same twice.
  CHECK(is_malformed({{.seq_span = 3}, {.first_seq = 3}})); // Overlapping.
  CHECK(is_malformed({{.first_seq = 9}, {.first_seq = 3}}));
  CHECK(is_malformed({{.bytes = std::string(block_bytes_max + 1, 'x')}}));
}

TEST_CASE("bytes that are no entries are malformed", "[uplink_batch]") {
  auto bytes = plain({{}, {.first_seq = 2}});
  for (std::size_t size = 0; size < bytes.size(); ++size)
    CHECK_FALSE(decode(bytes.substr(0, size)));
  CHECK_FALSE(decode(bytes + "x"));
  using namespace std::string_literals;
  CHECK_FALSE(decode("\xdd\xff\xff\xff\xff"s));
  CHECK_FALSE(decode("\xdc\x10\x01"s + std::string(40'000, '\x90'))); // 4,097 entries.
  CHECK_FALSE(decode("\x91\x95\x00\x01\x01\x01\x01"s));
}

TEST_CASE("what a batch announces is checked before memory is taken",
          "[uplink_batch]") {
  auto entries = plain({{}});
  CHECK_FALSE(decode_entries(0, entries.size() + 1, entries));
  auto unknown = decode_entries(2, entries.size(), entries);
  REQUIRE_FALSE(unknown);
  CHECK(unknown.error().code == errc::unsupported);

  std::string frame;
  auto zeros = std::string(batch_bytes_max + 1, '\0');
  REQUIRE(zstd_compress(zeros, frame));
  CHECK(frame.size() < 1000);
  auto bomb = decode_entries(1, zeros.size(), frame);
  REQUIRE_FALSE(bomb);
  CHECK(bomb.error().code == errc::too_large);
  // A frame that holds more, or less, than is announced.
  for (std::size_t size : {std::size_t{0}, std::size_t{1000}, batch_bytes_max})
    CHECK(decode_entries(1, size, frame).error().code == errc::malformed);
  CHECK(decode_entries(1, 100, noise(50)).error().code == errc::malformed);
  CHECK(decode_entries(1, 0, "").error().code == errc::malformed);
}

TEST_CASE("a zstd frame is read only if it is what was said", "[zstd]") {
  auto text = std::string(5000, 'a') + "b";
  std::string frame = "before";
  REQUIRE(zstd_compress(text, frame));
  CHECK(frame.substr(0, 6) == "before");
  frame.erase(0, 6);
  std::string out = "replaced";
  CHECK(zstd_decompress(frame, text.size(), out));
  CHECK(out == text);
  CHECK_FALSE(zstd_decompress(frame, text.size() - 1, out));
  CHECK(out.empty());
  CHECK_FALSE(zstd_decompress(frame + frame, 2 * text.size(), out)); // Two frames.
  CHECK_FALSE(zstd_decompress(frame + "x", text.size(), out));
  for (std::size_t size = 0; size < frame.size(); ++size)
    CHECK_FALSE(
      zstd_decompress(std::string_view{frame}.substr(0, size), text.size(), out));
  // Skippable and of unknown size.
  CHECK_FALSE(
    zstd_decompress(std::string("\x50\x2a\x4d\x18\x00\x00\x00\x00", 8), 0, out));
  CHECK_FALSE(
    zstd_decompress(std::string("\x28\xb5\x2f\xfd\x00\x58\x01\x00\x00", 9), 0, out));

  frame = "as it was";
  CHECK_FALSE(zstd_compress(noise(300), frame));
  CHECK_FALSE(zstd_compress("", frame));
  CHECK(frame == "as it was");
}
