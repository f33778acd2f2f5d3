// Segments of the journal: any bytes behind any header. No record may come that is not
// in the bytes, numbers only grow, and what is sound in a whole segment is found.
#include "storage/journal_format.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

using namespace weir::storage;

namespace {

void demand(bool ok) {
  if (!ok)
    std::abort();
}

constexpr std::uint32_t mark = 0x6d61726b;

/// Records as the fuzzer says: a byte for the payload's size, another for what is
/// changed behind it. Returns how many stand unchanged at the front.
std::string written_segment(std::string_view plan, std::uint64_t& sound) {
  auto segment = encode(segment_header{7, 1, 1, mark});
  segment.resize(segment_header_bytes);
  auto record = std::string{};
  std::uint64_t number = 0;
  bool changed = false;
  for (; plan.size() >= 2 && number < 64; plan.remove_prefix(2)) {
    auto payload = std::string(static_cast<std::uint8_t>(plan[0]), 'p');
    std::string_view part = payload;
    encode_record(record, mark, 1, ++number, {&part, 1});
    auto change = static_cast<std::uint8_t>(plan[1]);
    if (change != 0) {
      record[change % record.size()] ^= static_cast<char>(change);
      changed = true;
    }
    sound += changed ? 0u : 1u;
    segment += record;
  }
  return segment;
}

segment_contents scan(std::string_view segment) {
  std::uint64_t before = 0;
  std::uint64_t calls = 0;
  segment_header header{7, 1, 1, mark};
  auto contents = scan_segment(segment, header, [&](const journal_record& x) {
    demand(x.number > before);
    before = x.number;
    ++calls;
    demand(x.payload.data() >= segment.data() + segment_header_bytes
           && x.payload.data() + x.payload.size() <= segment.data() + segment.size());
  });
  demand(calls == contents.records);
  demand(contents.end <= std::max(segment.size(), segment_header_bytes));
  demand(contents.first_number <= contents.last_number);
  return contents;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto bytes = std::string_view{reinterpret_cast<const char*>(data), size};
  if (bytes.empty())
    return 0;
  auto kind = bytes.front() % 3;
  bytes.remove_prefix(1);
  if (kind == 0) {
    segment_header header;
    static_cast<void>(decode(bytes, header));
  } else if (kind == 1) { // Bytes of the fuzzer's behind a good header.
    auto segment = std::string(segment_header_bytes, '\0');
    segment += bytes.substr(0, 4096); // Longer is only slower.
    scan(segment);
  } else {
    std::uint64_t sound = 0;
    auto segment = written_segment(bytes, sound);
    auto contents = scan(segment);
    demand(contents.records >= sound);
  }
  return 0;
}
