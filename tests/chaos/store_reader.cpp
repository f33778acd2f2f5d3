#include "tests/chaos/store_reader.hpp"

#include "tests/chaos/lmdb_reader.hpp"

#include <algorithm>

namespace weir::chaos {

namespace {

read_position take_position(std::string_view key, std::string_view value) {
  fields id{key, "key of a position"};
  read_position result;
  result.edge = id.take(key.size() - std::min<std::size_t>(8, key.size()));
  result.epoch = id.number(8);
  fields in{value, "a position"};
  auto version = in.number(1);
  result.through_seq = in.number(8);
  if (version < 2)
    return result;
  auto lane_first = in.number(8);
  auto lane_through = in.number(8);
  if (lane_first != 0)
    result.lane_numbers = lane_through - lane_first + 1;
  auto& books = result.books.emplace();
  for (auto* x : {&books.sent_seq, &books.stored, &books.coalesced, &books.expired,
                  &books.shed, &books.unreadable})
    *x = in.number(8);
  in.take(2 * 8); // duplicate, gaps
  books.violations = in.number(8);
  return result;
}

} // namespace

read_store read_whole_store(const std::filesystem::path& directory) {
  lmdb_reader from{directory};
  read_store result;
  from.for_each("series", [&](auto key, auto value) {
    fields id{key, "key of a series"};
    fields in{value, "a series"};
    in.number(1);
    auto& x = result.series[static_cast<std::uint32_t>(id.number(4))];
    x.edge = in.text();
    x.canonical = in.text();
    in.end();
  });
  from.for_each("summaries", [&](auto key, auto value) {
    result.windows.push_back(parse_window(key, value));
  });
  from.for_each("positions", [&](auto key, auto value) {
    result.positions.push_back(take_position(key, value));
  });
  result.quarantined = from.entries("quarantine");
  return result;
}

std::uint64_t count_outbox_blocks(const std::filesystem::path& directory) {
  return lmdb_reader{directory}.entries("blocks");
}

} // namespace weir::chaos
