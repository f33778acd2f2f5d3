#include "storage/big_endian.hpp"

#include <catch2/catch.hpp>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

using namespace weir::storage;

TEST_CASE("keys of times sort as the times, also before 1970", "[storage]") {
  auto limits = std::numeric_limits<std::int64_t>{};
  auto times
    = std::vector<std::int64_t>{limits.min(), -1'000, -1, 0, 1, 255, 256, limits.max()};
  std::string before;
  for (auto time : times) {
    std::string key;
    put_be(key, biased(time));
    CHECK(before < key);
    CHECK(unbiased(get_be<std::uint64_t>(key.data())) == time);
    before = key;
  }
}

TEST_CASE("doubles keep every bit", "[storage]") {
  std::string out;
  auto values = std::vector<double>{0.0, -0.0, 0.1, -1e308, 5e-324, std::nan("17")};
  for (double x : values)
    put_double(out, x);
  auto in = byte_reader{out};
  for (double x : values)
    CHECK(std::bit_cast<std::uint64_t>(in.take_double())
          == std::bit_cast<std::uint64_t>(x));
  CHECK(in.complete());
}

TEST_CASE("a reader never reads past the end", "[storage]") {
  std::string out;
  put_text(out, "hello");
  for (std::size_t size = 0; size < out.size(); ++size) {
    auto in = byte_reader{std::string_view{out}.substr(0, size)};
    CHECK(in.take_text().empty());
    CHECK_FALSE(in.ok());
    CHECK(in.take<std::uint64_t>() == 0);
  }
  auto in = byte_reader{out};
  CHECK(in.take_text() == "hello");
  CHECK(in.complete());
  auto left_over = byte_reader{out};
  left_over.take<std::uint8_t>();
  CHECK(left_over.ok());
  CHECK_FALSE(left_over.complete());
}
