// Keys and values of the ledger's tables: positions, ranges, events, counters.
#include "storage/store_value_io.hpp"
#include "storage/store_values.hpp"

#include <algorithm>

namespace weir::storage {

namespace {

// Version 1 had no lane, no ranges, and no fates but stored and expired.
constexpr std::uint8_t position_version = 2;

constexpr std::size_t counters_max = 1000;

constexpr const char* range_name = "a ledger range";
constexpr const char* event_name = "a ledger event";
constexpr const char* counters_name = "an edge's counters";

/// The edge's name in the front of a key with `rest_bytes` behind it.
std::string edge_of(std::string_view key, std::size_t rest_bytes, const char* what) {
  std::size_t size = key.empty() ? 0 : static_cast<unsigned char>(key[0]);
  if (size == 0 || key.size() != 1 + size + rest_bytes)
    malformed(what);
  return std::string{key.substr(1, size)};
}

/// Version 1 continues as an epoch of which the ranges are not known.
void complete_version_1(edge_position& position) {
  position.sent_seq = position.through_seq;
  position.ranges_from_seq = position.through_seq + 1;
}

} // namespace

std::string position_key(std::string_view edge, std::uint64_t epoch) {
  auto out = std::string{edge};
  put_be(out, epoch);
  return out;
}

std::string to_value(const edge_position& x) {
  auto out = new_value(position_version);
  for (auto number :
       {x.through_seq, x.lane_first, x.lane_through, x.sent_seq, x.records_stored,
        x.records_coalesced, x.records_expired, x.records_shed, x.records_unreadable,
        x.records_duplicate, x.gaps_refused, x.violations, x.ranges, x.ranges_from_seq,
        x.behind_seq})
    put_be(out, number);
  put_time(out, x.first_ns);
  put_time(out, x.last_ns);
  return out;
}

edge_position to_position(std::string_view key, std::string_view value) {
  if (key.size() < 8)
    malformed("a position's key");
  auto in = byte_reader{value};
  auto version = take_version(in, "a position", position_version);
  edge_position x;
  x.edge = key.substr(0, key.size() - 8);
  x.epoch = get_be<std::uint64_t>(key.data() + key.size() - 8);
  if (version == 1) {
    for (auto* number : {&x.through_seq, &x.records_stored, &x.records_duplicate,
                         &x.records_expired, &x.gaps_refused})
      *number = in.take<std::uint64_t>();
    complete_version_1(x);
  } else {
    for (auto* number :
         {&x.through_seq, &x.lane_first, &x.lane_through, &x.sent_seq,
          &x.records_stored, &x.records_coalesced, &x.records_expired, &x.records_shed,
          &x.records_unreadable, &x.records_duplicate, &x.gaps_refused, &x.violations,
          &x.ranges, &x.ranges_from_seq, &x.behind_seq})
      *number = in.take<std::uint64_t>();
    x.first_ns = in.take_time();
    x.last_ns = in.take_time();
  }
  check_complete(in, "a position");
  if (x.lane_first != 0 && x.lane_through < x.lane_first)
    malformed("a position");
  return x;
}

std::string edge_prefix(std::string_view edge) {
  std::string out;
  put_be(out, static_cast<std::uint8_t>(std::min(edge.size(), edge_name_bytes_max)));
  out.append(edge);
  return out;
}

std::string range_key(std::string_view edge, std::uint64_t epoch,
                      std::uint64_t first_seq) {
  auto out = edge_prefix(edge);
  put_be(out, epoch);
  put_be(out, first_seq);
  return out;
}

std::uint64_t range_first_seq(std::string_view key) {
  if (key.size() < 16)
    malformed(range_name);
  return get_be<std::uint64_t>(key.data() + key.size() - 8);
}

std::string to_value(const ledger_range& x) {
  auto out = new_value();
  put_be(out, x.last_seq);
  put_enum(out, x.fate);
  put_be(out, x.records);
  put_time(out, x.first_ns);
  put_time(out, x.last_ns);
  return out;
}

ledger_range to_range(std::string_view key, std::string_view value) {
  auto in = read_value(value, range_name);
  ledger_range x;
  x.first_seq = range_first_seq(key);
  x.last_seq = in.take<std::uint64_t>();
  x.fate = take_enum(in, range_fate::unreadable, range_name);
  x.records = in.take<std::uint64_t>();
  x.first_ns = in.take_time();
  x.last_ns = in.take_time();
  check_complete(in, range_name);
  if (x.last_seq < x.first_seq)
    malformed(range_name);
  return x;
}

std::string event_key(std::string_view edge, std::uint64_t number) {
  auto out = edge_prefix(edge);
  put_be(out, number);
  return out;
}

std::uint64_t event_number(std::string_view key) {
  if (key.size() < 8)
    malformed(event_name);
  return get_be<std::uint64_t>(key.data() + key.size() - 8);
}

std::string to_value(const ledger_event& x) {
  auto out = new_value();
  put_time(out, x.time_ns);
  put_enum(out, x.cause);
  put_be(out, x.old_epoch);
  put_be(out, x.new_epoch);
  put_be(out, x.run);
  put_be(out, x.old_missing);
  put_be(out, x.old_through_seq);
  return out;
}

ledger_event to_event(std::string_view key, std::string_view value) {
  ledger_event x;
  x.edge = edge_of(key, 8, event_name);
  auto in = read_value(value, event_name);
  x.time_ns = in.take_time();
  x.cause = take_enum(in, epoch_cause::renewed, event_name);
  x.old_epoch = in.take<std::uint64_t>();
  x.new_epoch = in.take<std::uint64_t>();
  x.run = in.take<std::uint32_t>();
  x.old_missing = in.take<std::uint64_t>();
  x.old_through_seq = in.take<std::uint64_t>();
  check_complete(in, event_name);
  return x;
}

std::string to_value(const edge_counters& x) {
  auto out = new_value();
  auto count = std::min(x.values.size(), counters_max);
  put_be(out, x.epoch);
  put_be(out, x.sent_seq);
  put_time(out, x.time_ns);
  put_be(out, static_cast<std::uint16_t>(count));
  for (std::size_t i = 0; i < count; ++i)
    put_be(out, x.values[i]);
  return out;
}

edge_counters to_counters(std::string_view key, std::string_view value) {
  edge_counters x;
  x.edge = key;
  auto in = read_value(value, counters_name);
  x.epoch = in.take<std::uint64_t>();
  x.sent_seq = in.take<std::uint64_t>();
  x.time_ns = in.take_time();
  auto count = in.take<std::uint16_t>();
  if (count > counters_max)
    malformed(counters_name);
  for (std::size_t i = 0; i < count && in.ok(); ++i)
    x.values.push_back(in.take<std::uint64_t>());
  check_complete(in, counters_name);
  return x;
}

} // namespace weir::storage
