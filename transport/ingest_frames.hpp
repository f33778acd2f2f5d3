// The frames of DEALER ingest as bytes; see transport/WIRE.md, "Ingest".
// Client to server: version (1), sequence (8), then the payload's own frame.
// Server to client: version (1), type (1), sequence (8). Numbers are
// big-endian.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace weir::transport {

inline constexpr char ingest_version = 1;
inline constexpr char ingest_ack_type = 1;

namespace detail {

inline void put_big_endian(char* to, std::uint64_t value) {
  for (int i = 7; i >= 0; --i, value >>= 8)
    to[i] = static_cast<char>(value & 0xff);
}

inline std::uint64_t get_big_endian(const char* from) {
  auto result = std::uint64_t{0};
  for (int i = 0; i < 8; ++i)
    result = result << 8 | static_cast<unsigned char>(from[i]);
  return result;
}

} // namespace detail

inline std::array<char, 9> encode_ingest_header(std::uint64_t sequence) {
  auto result = std::array<char, 9>{ingest_version};
  detail::put_big_endian(result.data() + 1, sequence);
  return result;
}

inline std::optional<std::uint64_t> decode_ingest_header(std::string_view frame) {
  if (frame.size() != 9 || frame[0] != ingest_version)
    return std::nullopt;
  return detail::get_big_endian(frame.data() + 1);
}

inline std::array<char, 10> encode_ingest_ack(std::uint64_t through) {
  auto result = std::array<char, 10>{ingest_version, ingest_ack_type};
  detail::put_big_endian(result.data() + 2, through);
  return result;
}

inline std::optional<std::uint64_t> decode_ingest_ack(std::string_view frame) {
  if (frame.size() != 10 || frame[0] != ingest_version || frame[1] != ingest_ack_type)
    return std::nullopt;
  return detail::get_big_endian(frame.data() + 2);
}

} // namespace weir::transport
