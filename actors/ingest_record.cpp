#include "actors/ingest_record.hpp"

#include "analytics/byte_io.hpp"

#include <cstring>

namespace weir::actors {

namespace {

constexpr std::uint8_t record_version = 1;
constexpr std::uint8_t flag_keys = 1;

constexpr const char* ends_early = "the record ends before it should";

template <class T>
bool take_array(std::string_view& bytes, std::size_t count, std::vector<T>& out) {
  if (count > bytes.size() / sizeof(T))
    return false;
  out.resize(count);
  if (count > 0)
    std::memcpy(out.data(), bytes.data(), count * sizeof(T));
  bytes.remove_prefix(count * sizeof(T));
  return true;
}

} // namespace

void encode(const ingest_header& header, std::size_t event_count, bool has_keys,
            std::string& out) {
  analytics::byte_writer writer{out};
  writer.put(record_version);
  writer.put(has_keys ? flag_keys : std::uint8_t{0});
  writer.put(header.source);
  writer.put_text(header.source_name);
  writer.put(header.duplicates);
  writer.put(header.shed);
  writer.put(header.released);
  std::uint8_t reasons = 0;
  for (auto count : header.rejected)
    reasons = static_cast<std::uint8_t>(reasons + (count > 0 ? 1 : 0));
  writer.put(reasons);
  for (std::size_t i = 0; i < header.rejected.size(); ++i)
    if (header.rejected[i] > 0) {
      writer.put(static_cast<std::uint8_t>(i));
      writer.put(header.rejected[i]);
    }
  writer.put(static_cast<std::uint32_t>(header.names.size()));
  for (const auto& [id, text] : header.names) {
    writer.put(id);
    writer.put_text(text);
  }
  writer.put(static_cast<std::uint32_t>(header.sequences.size()));
  for (const auto& x : header.sequences) {
    writer.put(x.index);
    writer.put(x.sequence);
  }
  writer.put(static_cast<std::uint32_t>(header.held.size()));
  writer.put(header.boot_id);
  for (const auto& x : header.held)
    writer.put_struct(x);
  writer.put(static_cast<std::uint32_t>(event_count));
}

namespace {

bool read_rejections(analytics::byte_reader& in, rejection_counts& rejected) {
  rejected = {};
  auto reasons = in.get<std::uint8_t>();
  for (std::uint8_t i = 0; i < reasons && in.ok(); ++i) {
    auto reason = in.get<std::uint8_t>();
    auto count = in.get<std::uint64_t>();
    // A reason that only a newer program knows is still a rejected event.
    rejected[std::min<std::size_t>(reason, rejected.size() - 1)] += count;
  }
  return in.ok();
}

} // namespace

expected<void, std::string> decode(std::string_view payload, ingest_record& record) {
  analytics::byte_reader in{payload};
  auto& header = record.header;
  header = {};
  record.names.clear();
  record.sequences.clear();
  record.held.clear();
  auto version = in.get<std::uint8_t>();
  if (in.ok() && version != record_version)
    return unexpected("the record has version " + std::to_string(version)
                      + ", this program knows 1");
  auto flags = in.get<std::uint8_t>();
  header.source = in.get<std::uint32_t>();
  header.source_name = in.get_text();
  header.duplicates = in.get<std::uint32_t>();
  header.shed = in.get<std::uint32_t>();
  header.released = in.get<std::uint32_t>();
  read_rejections(in, header.rejected);
  for (auto left = in.get<std::uint32_t>(); left > 0 && in.ok(); --left) {
    auto id = in.get<analytics::series_id>();
    record.names.emplace_back(id, in.get_text());
  }
  for (auto left = in.get<std::uint32_t>(); left > 0 && in.ok(); --left) {
    auto index = in.get<std::uint32_t>();
    record.sequences.push_back({index, in.get<std::uint64_t>()});
  }
  auto held = in.get<std::uint32_t>();
  header.boot_id = in.get<std::uint64_t>();
  for (; held > 0 && in.ok(); --held)
    record.held.push_back(in.get_struct<held_event>());
  auto count = in.get<std::uint32_t>();
  if (!in.ok())
    return unexpected(std::string{ends_early});
  auto rest = in.rest();
  record.keys.clear();
  if (!take_array(rest, count, record.events)
      || ((flags & flag_keys) != 0 && !take_array(rest, count, record.keys)))
    return unexpected(std::string{ends_early});
  if (!rest.empty())
    return unexpected(std::string{"there are bytes behind the record's end"});
  header.names = record.names;
  header.sequences = record.sequences;
  header.held = record.held;
  return {};
}

} // namespace weir::actors
