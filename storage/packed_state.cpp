#include "storage/packed_state.hpp"

#include "analytics/zstd_codec.hpp"
#include "storage/big_endian.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

namespace weir::storage {

namespace {

// What a chunk's value begins with.
constexpr std::uint8_t plain_version = 1;
constexpr std::uint8_t zstd_version = 2;

std::uint64_t get_le(const char* bytes) {
  std::uint64_t x = 0;
  std::memcpy(&x, bytes, sizeof(x));
  if constexpr (std::endian::native == std::endian::big)
    x = __builtin_bswap64(x);
  return x;
}

} // namespace

// Four lanes of multiply and rotate (as xxHash64 has), so that hashing the state takes
// far less time than writing it.
std::uint64_t chunk_hash(std::string_view bytes) {
  constexpr std::uint64_t prime_1 = 0x9e3779b185ebca87;
  constexpr std::uint64_t prime_2 = 0xc2b2ae3d27d4eb4f;
  std::uint64_t lanes[4] = {prime_1 + prime_2, prime_2, 0, ~prime_1 + 1};
  auto round = [](std::uint64_t lane, std::uint64_t word) {
    return std::rotl(lane + word * prime_2, 31) * prime_1;
  };
  const auto* at = bytes.data();
  auto left = bytes.size();
  for (; left >= 32; left -= 32, at += 32)
    for (int i = 0; i < 4; ++i)
      lanes[i] = round(lanes[i], get_le(at + 8 * i));
  char tail[32] = {};
  std::copy_n(at, left, tail);
  auto result = static_cast<std::uint64_t>(bytes.size()) * prime_1;
  for (int i = 0; i < 4; ++i)
    result = round(result ^ round(lanes[i], get_le(tail + 8 * i)), prime_2);
  result = (result ^ (result >> 33)) * prime_2;
  return result ^ (result >> 29);
}

packed_state::packed_state(std::string_view bytes) {
  append(bytes);
  finish();
}

void packed_state::append(std::string_view bytes) {
  size_bytes_ += bytes.size();
  if (!waiting_.empty()) {
    auto taken = bytes.substr(0, chunk_bytes - waiting_.size());
    waiting_ += taken;
    bytes.remove_prefix(taken.size());
    if (waiting_.size() < chunk_bytes)
      return;
    pack(waiting_);
    waiting_.clear();
  }
  for (; bytes.size() >= chunk_bytes; bytes.remove_prefix(chunk_bytes))
    pack(bytes.substr(0, chunk_bytes));
  waiting_ += bytes;
}

void packed_state::finish() {
  if (!waiting_.empty())
    pack(waiting_);
  waiting_ = {};
  scratch_ = {};
}

void packed_state::pack(std::string_view bytes) {
  auto hash = chunk_hash(bytes);
  scratch_.clear();
  put_be(scratch_, zstd_version);
  put_be(scratch_, hash);
  if (!analytics::zstd_compress(bytes, scratch_)) {
    scratch_[0] = static_cast<char>(plain_version);
    scratch_ += bytes;
  }
  packed_bytes_ += scratch_.size();
  chunks_.push_back({hash, std::string{scratch_}});
}

std::string packed_state::unpack() const {
  std::string result;
  for (const auto& x : chunks_)
    unpack_chunk(x.value,
                 static_cast<std::size_t>(
                   std::min<std::uint64_t>(size_bytes_ - result.size(), chunk_bytes)),
                 result);
  return result;
}

std::optional<std::uint64_t> stored_chunk_hash(std::string_view value) {
  auto in = byte_reader{value};
  in.take<std::uint8_t>();
  auto hash = in.take<std::uint64_t>();
  return in.ok() ? std::optional{hash} : std::nullopt;
}

bool unpack_chunk(std::string_view value, std::size_t size_bytes, std::string& out) {
  auto in = byte_reader{value};
  auto version = in.take<std::uint8_t>();
  auto hash = in.take<std::uint64_t>();
  if (!in.ok() || (version != plain_version && version != zstd_version))
    return false;
  std::string unpacked;
  auto bytes = in.rest();
  if (version == zstd_version) {
    if (!analytics::zstd_decompress(bytes, size_bytes, unpacked))
      return false;
    bytes = unpacked;
  }
  if (bytes.size() != size_bytes || chunk_hash(bytes) != hash)
    return false;
  out += bytes;
  return true;
}

} // namespace weir::storage
