// BLOCK BUILDER: ids become texts, blocks stay small, alerts stand apart.
#include "actors/block_builder.hpp"

#include "transport/block_codec.hpp"

#include <catch2/catch.hpp>

using namespace weir::actors;
using namespace weir::analytics;

TEST_CASE("records come out of the blocks with the texts of their series", "[actors]") {
  series_table table{10};
  auto a = *table.intern("a{source=\"x\"}");
  auto b = *table.intern("b{source=\"y\"}");
  block_builder uut{table};
  shard_output output;
  for (auto id : {b, a, b}) {
    summary x;
    x.series = id;
    x.width_ns = 1;
    x.count = 1;
    output.summaries.push_back(x);
  }
  output.anomalies.push_back({a, 1, 2.0, 3.0, 4.0, 0.5, severity::high, "ewma/1"});
  alert told;
  told.series = b;
  told.rule = "r";
  told.id = "0123456789abcdef";
  output.alerts.push_back(told);
  uut.add(output);
  uut.add(rejection_batch{rejection{}});
  CHECK(uut.record_count() == 6);
  auto blocks = uut.take_blocks();
  REQUIRE(blocks.size() == 3);
  CHECK(blocks[0].priority == weir::storage::block_priority::alert);
  auto alerts = weir::transport::decode_block(blocks[0].bytes);
  REQUIRE(alerts);
  CHECK(alerts->series.at(alerts->alerts.at(0).series) == table.text(b));
  auto rest = weir::transport::decode_block(blocks[1].bytes);
  REQUIRE(rest);
  CHECK(blocks[1].record_count == 4);
  REQUIRE(rest->summaries.size() == 3);
  CHECK(rest->series.size() == 2);
  CHECK(rest->series.at(rest->summaries[0].series) == table.text(b));
  CHECK(rest->series.at(rest->summaries[1].series) == table.text(a));
  CHECK(rest->series.at(rest->anomalies.at(0).series) == table.text(a));
  CHECK(blocks[2].priority == weir::storage::block_priority::raw);
  CHECK(weir::transport::decode_block(blocks[2].bytes)->rejections.size() == 1);
  CHECK(uut.take_blocks().empty());
}

TEST_CASE("many records make several blocks, each within the link's limit",
          "[actors]") {
  series_table table{100'000};
  block_builder uut{table};
  shard_output output;
  for (int i = 0; i < 10'000; ++i) {
    summary x;
    x.series = *table.intern("m{source=\"" + std::string(250, 'x') + std::to_string(i)
                             + "\"}");
    x.width_ns = 1;
    x.count = 1;
    output.summaries.push_back(x);
  }
  uut.add(output);
  std::size_t records = 0;
  for (const auto& x : uut.take_blocks()) {
    CHECK(x.bytes.size() <= weir::transport::block_bytes_max);
    records += x.record_count;
  }
  CHECK(records == 10'000);
}

TEST_CASE("further aggregates do not take a block over the link's limit", "[actors]") {
  series_table table{100'000};
  block_builder uut{table};
  shard_output output;
  for (int i = 0; i < 4000; ++i) {
    summary x;
    x.series = *table.intern("m{source=\"" + std::string(250, 'x') + std::to_string(i)
                             + "\"}");
    x.width_ns = 1;
    x.count = 1;
    x.extended = std::string(i % 50 == 0 ? 65'536 : 130, 'e');
    output.summaries.push_back(x);
  }
  uut.add(output);
  std::size_t records = 0;
  for (const auto& x : uut.take_blocks()) {
    CHECK(x.bytes.size() <= weir::transport::block_bytes_max);
    CHECK(weir::transport::decode_block(x.bytes));
    records += x.record_count;
  }
  CHECK(records == 4000);
}
