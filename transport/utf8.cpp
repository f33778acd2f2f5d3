#include "transport/utf8.hpp"

#include <cstdint>
#include <cstring>

namespace weir::transport {

namespace {

std::uint8_t byte_at(std::string_view text, std::size_t i) {
  return static_cast<std::uint8_t>(text[i]);
}

/// Bytes of the character that starts at `i`; 0 if none does.
std::size_t character_size(std::string_view text, std::size_t i) {
  auto first = byte_at(text, i);
  if (first < 0x80)
    return 1;
  std::size_t size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() - i < size)
    return 0;
  for (std::size_t k = 1; k < size; ++k)
    if ((byte_at(text, i + k) & 0xc0) != 0x80)
      return 0;
  auto second = byte_at(text, i + 1);
  bool overlong = (first == 0xe0 && second < 0xa0) || (first == 0xf0 && second < 0x90);
  bool surrogate = first == 0xed && second >= 0xa0;
  bool beyond = first == 0xf4 && second >= 0x90;
  return overlong || surrogate || beyond ? 0 : size;
}

} // namespace

bool is_utf8(std::string_view text) {
  std::size_t i = 0;
  while (i < text.size()) {
    if (text.size() - i >= 8) {
      std::uint64_t eight = 0;
      std::memcpy(&eight, text.data() + i, 8);
      if ((eight & 0x8080808080808080ULL) == 0) {
        i += 8;
        continue;
      }
    }
    auto size = character_size(text, i);
    if (size == 0)
      return false;
    i += size;
  }
  return true;
}

std::string_view cut_utf8(std::string_view text, std::size_t bytes_max) {
  if (text.size() <= bytes_max)
    return text;
  auto end = bytes_max;
  while (end > 0 && (byte_at(text, end) & 0xc0) == 0x80)
    --end;
  return text.substr(0, end);
}

void append_quoted(std::string& out, std::string_view text, std::size_t bytes_max) {
  out += '"';
  std::size_t i = 0;
  while (i < text.size()) {
    auto size = character_size(text, i);
    if (i + (size == 0 ? 1 : size) > bytes_max) {
      out += "...";
      break;
    }
    if (size == 0 || byte_at(text, i) < 0x20 || byte_at(text, i) == 0x7f) {
      out += '?';
      i += 1;
      continue;
    }
    out.append(text, i, size);
    i += size;
  }
  out += '"';
}

} // namespace weir::transport
