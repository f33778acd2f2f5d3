// CRC32C against known answers (RFC 3720, appendix B.4) and itself.
#include "storage/crc32c.hpp"

#include <catch2/catch.hpp>

#include <random>
#include <string>

using namespace weir::storage;

namespace {

std::string counting(int first, int step) {
  std::string bytes;
  for (int i = 0; i < 32; ++i)
    bytes.push_back(static_cast<char>(first + i * step));
  return bytes;
}

} // namespace

TEST_CASE("the checksum gives the known answers", "[crc32c]") {
  for (auto* uut : {&crc32c, &crc32c_by_tables}) {
    CHECK(uut("", 0) == 0);
    CHECK(uut("123456789", 0) == 0xe3069283);
    CHECK(uut(std::string(32, '\0'), 0) == 0x8a9136aa);
    CHECK(uut(std::string(32, '\xff'), 0) == 0x62a8ab43);
    CHECK(uut(counting(0, 1), 0) == 0x46dd794e);
    CHECK(uut(counting(31, -1), 0) == 0x113fdb5c);
  }
}

TEST_CASE("the instruction and the tables agree, and pieces give what the whole does",
          "[crc32c]") {
  std::mt19937 random{1};
  std::string bytes;
  for (std::size_t size = 0; size < 300; ++size) {
    CAPTURE(size);
    auto whole = crc32c(bytes);
    CHECK(crc32c_by_tables(bytes) == whole);
    auto cut = size == 0 ? 0 : random() % size;
    CHECK(crc32c(bytes.substr(cut), crc32c(bytes.substr(0, cut))) == whole);
    CHECK(crc32c_by_tables(bytes.substr(cut), crc32c_by_tables(bytes.substr(0, cut)))
          == whole);
    bytes.push_back(static_cast<char>(random()));
  }
}

TEST_CASE("the checksum sees every single changed bit", "[crc32c]") {
  auto bytes = std::string(64, 'w');
  auto right = crc32c(bytes);
  for (std::size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
    auto flip = static_cast<char>(1 << (bit % 8));
    bytes[bit / 8] ^= flip;
    CHECK(crc32c(bytes) != right);
    bytes[bit / 8] ^= flip;
  }
}
