// Bytes as a test writes them down: two hexadecimal digits each, spaces allowed.
#pragma once

#include <string>
#include <string_view>

namespace weir::test {

inline std::string to_hex(std::string_view bytes) {
  std::string text;
  for (unsigned char c : bytes) {
    text += "0123456789abcdef"[c >> 4];
    text += "0123456789abcdef"[c & 15];
  }
  return text;
}

inline std::string from_hex(std::string_view text) {
  std::string bytes;
  std::string pair;
  for (char c : text) {
    if (c == ' ')
      continue;
    pair += c;
    if (pair.size() == 2) {
      bytes += static_cast<char>(std::stoi(pair, nullptr, 16));
      pair.clear();
    }
  }
  return bytes;
}

} // namespace weir::test
