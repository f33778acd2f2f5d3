// INGEST RECORD: what goes into the journal comes out of it, and damaged bytes do not
// get past the reader.
#include "actors/ingest_record.hpp"

#include <catch2/catch.hpp>

using namespace weir::actors;
using weir::analytics::event;

namespace {

struct fixture {
  std::vector<std::pair<weir::analytics::series_id, std::string_view>> names{
    {7, "temp{source=\"a\"}"}, {9, "rpm{source=\"b\"}"}};
  std::vector<sequence_mark> sequences{{1, 4711}};
  std::vector<held_event> held{{{1, 2.5, 9, 1}, 77, 5}};
  std::vector<event> events{{10, 1.5, 7, 0}, {20, -2.0, 9, 1}};
  std::vector<std::uint64_t> keys{0, 99};

  std::string bytes(bool with_keys) {
    ingest_header header;
    header.source = 3;
    header.source_name = "mqtt";
    header.duplicates = 4;
    header.shed = 5;
    header.released = 6;
    header.rejected[2] = 8;
    header.names = names;
    header.sequences = sequences;
    header.held = held;
    header.boot_id = 12;
    std::string out;
    encode(header, events.size(), with_keys, out);
    out.append(reinterpret_cast<const char*>(events.data()),
               events.size() * sizeof(event));
    if (with_keys)
      out.append(reinterpret_cast<const char*>(keys.data()), keys.size() * 8);
    return out;
  }
};

} // namespace

TEST_CASE_METHOD(fixture, "an ingest record comes back as it was", "[actors]") {
  ingest_record record;
  for (bool with_keys : {true, false}) {
    auto payload = bytes(with_keys);
    REQUIRE(decode(payload, record));
    CHECK(record.header.source == 3);
    CHECK(record.header.source_name == "mqtt");
    CHECK(record.header.duplicates == 4);
    CHECK(record.header.shed == 5);
    CHECK(record.header.released == 6);
    CHECK(record.header.rejected[2] == 8);
    CHECK(record.header.boot_id == 12);
    CHECK(record.names == names);
    CHECK(record.sequences == sequences);
    CHECK(record.held == held);
    CHECK(record.events == events);
    CHECK(record.keys == (with_keys ? keys : std::vector<std::uint64_t>{}));
  }
}

TEST_CASE_METHOD(fixture,
                 "an ingest record that is cut anywhere, or too long, is refused",
                 "[actors]") {
  auto payload = bytes(true);
  ingest_record record;
  for (std::size_t size = 0; size < payload.size(); ++size)
    CHECK_FALSE(decode(std::string_view{payload}.substr(0, size), record));
  CHECK_FALSE(decode(payload + "x", record));
}

TEST_CASE_METHOD(fixture, "an ingest record of another version is refused by name",
                 "[actors]") {
  auto payload = bytes(true);
  payload[0] = 2;
  ingest_record record;
  auto done = decode(payload, record);
  REQUIRE_FALSE(done);
  CHECK(done.error() == "the record has version 2, this program knows 1");
}
