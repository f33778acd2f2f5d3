// OUTBOX WRITER: group commits into a real outbox, by hand-moved time.
#include "actors/outbox_writer.hpp"

#include "tests/support/actor_fixture.hpp"
#include "tests/support/temp_dir.hpp"
#include "transport/block_codec.hpp"

#include <catch2/catch.hpp>

using namespace weir::actors;
using namespace std::chrono_literals;
namespace analytics = weir::analytics;

namespace {

struct fixture : weir::test::actor_fixture {
  weir::test::temp_dir dir;
  analytics::series_table table{10};
  std::unique_ptr<weir::storage::outbox> outbox
    = std::move(*weir::storage::outbox::open({dir.path() / "outbox"}, 0));
  std::shared_ptr<writer_backlog> backlog = std::make_shared<writer_backlog>();
  int committed = 0;
  outbox_writer_actor uut = spawn(
    outbox_writer, outbox_writer_config{.commit_interval = 10ms, .commit_records = 5},
    outbox_writer_parts{outbox.get(), &table, backlog, [this] { ++committed; },
                        [](const std::string& problem) { FAIL(problem); }});

  void send(std::size_t count) {
    auto output = std::make_shared<analytics::shard_output>();
    for (std::size_t i = 0; i < count; ++i) {
      analytics::summary x;
      x.series = *table.intern("m{source=\"a\"}");
      x.width_ns = 1;
      x.count = 1;
      output->summaries.push_back(x);
    }
    *backlog += count;
    caf::anon_send(uut, shard_output_ptr{output});
    run();
  }
};

} // namespace

TEST_CASE_METHOD(fixture, "records share a commit after the interval", "[actors]") {
  send(1);
  send(2);
  CHECK(committed == 0);
  CHECK(outbox->stats().records == 0);
  advance(10ms);
  CHECK(committed == 1);
  CHECK(outbox->stats().records == 3);
  CHECK(*backlog == 0);
  auto blocks = outbox->read_after(0, 1 << 20);
  REQUIRE(blocks);
  REQUIRE(blocks->size() == 1);
  CHECK(weir::transport::decode_block(blocks->at(0).bytes)->summaries.size() == 3);
}

TEST_CASE_METHOD(fixture, "many records are committed at once", "[actors]") {
  send(5);
  CHECK(committed == 1);
  CHECK(outbox->stats().next_seq == 6);
}

TEST_CASE_METHOD(fixture, "finishing commits what waits together with the state",
                 "[actors]") {
  send(1);
  caf::anon_send(uut, rejection_batch{analytics::rejection{}});
  auto done = ask<outcome>(uut, finish_v, node_snapshot{"the state"});
  REQUIRE(done);
  CHECK(done->error.empty());
  CHECK(outbox->stats().records == 2);
  CHECK(outbox->take_state()->value() == "the state");
}
