// INTERNAL: what all decoders of the store's values share. They throw `failure`.
#pragma once

#include "storage/big_endian.hpp"
#include "storage/failure.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace weir::storage {

inline constexpr std::uint8_t value_version = 1;

inline std::string new_value(std::uint8_t version = value_version) {
  return std::string(1, static_cast<char>(version));
}

[[noreturn]] inline void malformed(const char* what) {
  throw failure(errc::malformed, std::string{"the store holds "} + what
                                   + " that cannot be read. Restore the "
                                     "database from a copy.");
}

/// Takes the version off `in`; all from 1 to `version_max` can be read.
inline std::uint8_t take_version(byte_reader& in, const char* what,
                                 std::uint8_t version_max) {
  auto version = in.take<std::uint8_t>();
  if (!in.ok() || version == 0)
    malformed(what);
  if (version > version_max)
    throw failure(errc::unsupported, std::string{"the store holds "} + what
                                       + " of version " + std::to_string(version)
                                       + ", this program knows up to "
                                       + std::to_string(version_max)
                                       + ". Start the newer program that wrote it.");
  return version;
}

inline byte_reader read_value(std::string_view value, const char* what) {
  auto in = byte_reader{value};
  take_version(in, what, value_version);
  return in;
}

inline byte_reader read_key(std::string_view key, std::size_t size, const char* what) {
  if (key.size() != size)
    malformed(what);
  return byte_reader{key};
}

inline void check_complete(const byte_reader& in, const char* what) {
  if (!in.complete())
    malformed(what);
}

inline void put_time(std::string& out, std::int64_t time_ns) {
  put_be(out, static_cast<std::uint64_t>(time_ns));
}

/// An enum that was stored as its number.
template <class Enum>
Enum take_enum(byte_reader& in, Enum last, const char* what) {
  auto number = in.take<std::uint8_t>();
  if (number > static_cast<std::uint8_t>(last))
    malformed(what);
  return static_cast<Enum>(number);
}

template <class Enum>
void put_enum(std::string& out, Enum x) {
  put_be(out, static_cast<std::uint8_t>(x));
}

} // namespace weir::storage
