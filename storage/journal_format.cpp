#include "storage/journal_format.hpp"

#include "storage/big_endian.hpp"
#include "storage/crc32c.hpp"

#include <algorithm>

namespace weir::storage {

namespace {

constexpr std::string_view file_type = "weirjrnl";
constexpr std::uint32_t segment_version = 1;
constexpr std::uint8_t record_version = 1;

constexpr std::size_t header_bytes = 8 + 4 + 4 + 8 + 8 + 8; // Then the checksum.

/// The checksum covers all of a record behind itself.
constexpr std::size_t checked_from = 8;

/// The sound record at `offset`, if there is one.
struct found_record {
  bool sound = false;
  std::uint8_t version = 0;
  std::size_t size = 0; ///< With header and padding.
  journal_record value;
};

bool has_mark(std::string_view segment, std::size_t offset, std::uint32_t mark) {
  return segment.size() - offset >= record_header_bytes
         && get_be<std::uint32_t>(segment.data() + offset) == mark;
}

/// @pre offset <= segment.size()
found_record record_at(std::string_view segment, std::size_t offset,
                       std::uint32_t mark) {
  if (!has_mark(segment, offset, mark))
    return {};
  auto reader = byte_reader{segment.substr(offset + 4)};
  auto checksum = reader.take<std::uint32_t>();
  auto payload_bytes = reader.take<std::uint32_t>();
  auto version = reader.take<std::uint8_t>();
  auto kind = reader.take<std::uint8_t>();
  reader.take<std::uint16_t>();
  auto number = reader.take<std::uint64_t>();
  if (payload_bytes > reader.rest().size())
    return {};
  auto checked = segment.substr(offset + checked_from,
                                record_header_bytes - checked_from + payload_bytes);
  if (crc32c(checked) != checksum)
    return {};
  auto size = std::min(record_bytes(payload_bytes), segment.size() - offset);
  return {true, version, size, {number, kind, reader.rest().substr(0, payload_bytes)}};
}

} // namespace

std::string encode(const segment_header& header) {
  auto out = std::string{file_type};
  put_be(out, segment_version);
  put_be(out, header.mark);
  put_be(out, header.journal_id);
  put_be(out, header.segment);
  put_be(out, header.base_number);
  put_be(out, crc32c(out));
  return out;
}

header_condition decode(std::string_view bytes, segment_header& header) {
  bytes = bytes.substr(0, header_bytes + 4);
  if (bytes.find_first_not_of('\0') == std::string_view::npos)
    return header_condition::unused;
  if (bytes.size() < header_bytes + 4 || !bytes.starts_with(file_type))
    return header_condition::damaged;
  auto reader = byte_reader{bytes.substr(file_type.size())};
  auto version = reader.take<std::uint32_t>();
  header.mark = reader.take<std::uint32_t>();
  header.journal_id = reader.take<std::uint64_t>();
  header.segment = reader.take<std::uint64_t>();
  header.base_number = reader.take<std::uint64_t>();
  // Where the checksum stands is the same in every version.
  if (reader.take<std::uint32_t>() != crc32c(bytes.substr(0, header_bytes)))
    return header_condition::damaged;
  if (version != segment_version)
    return header_condition::newer;
  return header.mark != 0 ? header_condition::good : header_condition::damaged;
}

void encode_record(std::string& out, std::uint32_t mark, std::uint8_t kind,
                   std::uint64_t number, std::span<const std::string_view> parts) {
  std::size_t payload_bytes = 0;
  for (auto part : parts)
    payload_bytes += part.size();
  out.clear();
  put_be(out, mark);
  put_be(out, std::uint32_t{0});
  put_be(out, static_cast<std::uint32_t>(payload_bytes));
  put_be(out, record_version);
  put_be(out, kind);
  put_be(out, std::uint16_t{0});
  put_be(out, number);
  for (auto part : parts)
    out.append(part);
  auto checksum = crc32c(std::string_view{out}.substr(checked_from));
  for (std::size_t i = 0; i < 4; ++i)
    out[4 + i] = static_cast<char>(checksum >> (8 * (3 - i)));
  out.resize(record_bytes(payload_bytes));
}

segment_contents scan_segment(std::string_view segment, const segment_header& header,
                              const std::function<void(const journal_record&)>& use) {
  segment_contents result;
  auto next_number = std::max<std::uint64_t>(header.base_number, 1);
  for (auto offset = segment_header_bytes; offset < segment.size();) {
    auto found = record_at(segment, offset, header.mark);
    if (!found.sound || found.value.number < next_number) {
      offset += 8;
      continue;
    }
    if (offset != result.end) {
      ++result.damaged_regions;
      result.damaged_bytes += offset - result.end;
    }
    offset += found.size;
    result.end = offset;
    next_number = found.value.number + 1;
    result.last_number = found.value.number;
    if (found.version != record_version) {
      ++result.newer;
      continue;
    }
    ++result.records;
    if (result.first_number == 0)
      result.first_number = found.value.number;
    use(found.value);
  }
  result.torn
    = result.end < segment.size() && has_mark(segment, result.end, header.mark);
  return result;
}

} // namespace weir::storage
