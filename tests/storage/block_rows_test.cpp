#include "storage/block_rows.hpp"

#include "storage/series_block.hpp"
#include "tests/storage/noise.hpp"
#include "tests/storage/records.hpp"

#include <catch2/catch.hpp>

#include <random>
#include <string>
#include <vector>

using namespace weir::storage;
using namespace weir::test;

namespace {

/// Rows of some runs, every third start left out.
row_set make_rows(std::size_t count, std::uint32_t runs) {
  auto random = std::mt19937{5};
  row_set rows;
  for (std::size_t i = 0; i < count; ++i)
    rows.add(make_summary(static_cast<std::int64_t>(i + i / 3) * 10 * second_ns,
                          static_cast<double>(random() % 1000) / 10),
             {7, static_cast<std::uint32_t>(i * runs / count)});
  return rows;
}

} // namespace

TEST_CASE("rows come back with their runs, in blocks of a page", "[block_rows]") {
  for (auto count : {1u, 2u, 300u, 5000u}) {
    auto rows = make_rows(count, 3);
    row_set found;
    auto blocks = encode_rows(rows, block_bytes_best);
    for (const auto& x : blocks) {
      CHECK(x.value.size() <= block_bytes_best);
      auto head = decode_head(x.value);
      REQUIRE(head);
      row_set part;
      REQUIRE(decode_rows(x.value, part));
      REQUIRE(part.size() == x.rows);
      CHECK(head->rows == x.rows);
      CHECK(part.rows.front().start_ns == x.first_start_ns);
      CHECK(part.rows.back().start_ns == head->last_start_ns);
      CHECK(head->end_ns == head->last_start_ns + 10 * second_ns);
      found = merged(std::move(found), std::move(part));
    }
    CHECK(found.rows == rows.rows);
    CHECK(found.origins == rows.origins);
    if (count == 5000)
      for (std::size_t i = 0; i + 1 < blocks.size(); ++i)
        CHECK(blocks[i].value.size() > block_bytes_best * 3 / 4);
  }
}

TEST_CASE("a row that is larger than a block stands alone", "[block_rows]") {
  auto rows = make_rows(10, 1);
  for (auto& x : rows.rows)
    x.extended = noise(6000, static_cast<unsigned>(x.start_ns / second_ns));
  auto blocks = encode_rows(rows, block_bytes_best);
  CHECK(blocks.size() == 10);
  row_set part;
  REQUIRE(decode_rows(blocks[9].value, part));
  CHECK(part.rows[0].extended == rows.rows[9].extended);
}

TEST_CASE("of rows with equal starts those on top stand", "[block_rows]") {
  row_set under;
  row_set over;
  for (std::int64_t i : {1, 2, 3, 5})
    under.add(make_summary(i, 1.0), {1, 1});
  for (std::int64_t i : {0, 2, 5, 6})
    over.add(make_summary(i, 2.0), {1, 2});
  auto both = merged(std::move(under), std::move(over));
  std::vector<std::pair<std::int64_t, double>> found;
  for (const auto& x : both.rows)
    found.emplace_back(x.start_ns, x.sum);
  CHECK(found
        == std::vector<std::pair<std::int64_t, double>>{
          {0, 2}, {1, 1}, {2, 2}, {3, 1}, {5, 2}, {6, 2}});
  CHECK(both.origins[1].run == 1);
  CHECK(both.origins[2].run == 2);
}

TEST_CASE("a block with wrong bits is told, never taken for rows", "[block_rows]") {
  auto rows = make_rows(40, 2);
  auto good = encode_rows(rows, block_bytes_best).at(0).value;
  row_set found;
  for (std::size_t size = 0; size < good.size(); ++size)
    CHECK_FALSE(decode_rows(std::string_view{good}.substr(0, size), found));
  for (std::size_t bit = 0; bit < 8 * good.size(); ++bit) {
    auto damaged = good;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << bit % 8));
    CHECK_FALSE(decode_rows(damaged, found));
  }
  auto newer = good;
  newer[0] = 2;
  CHECK(decode_rows(newer, found).error().code == errc::unsupported);
}
