// INTERNAL: the adapter of libsodium in storage/; no other file here includes sodium.h.
// Secret keys in memory of their own, and the few primitives that sealing.hpp and
// key_ring.hpp are made of: XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03, the AEAD of
// RFC 8439 with a nonce that is long enough to be random), keyed BLAKE2b (RFC 7693) for
// hashes and sub-keys. No AES-GCM: libsodium has none where the processor has no
// instructions for it, as on many ARM gateways.
//
// All functions are thread-safe. std::bad_alloc where guarded memory cannot be had.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace weir::storage {

/// Bytes that must not be seen: between guard pages, locked against swapping as far as
/// RLIMIT_MEMLOCK goes, left out of core dumps, zeroed at the end. Costs four pages.
class guarded_bytes {
public:
  explicit guarded_bytes(std::size_t size_bytes);
  ~guarded_bytes();
  guarded_bytes(guarded_bytes&& other) noexcept;
  guarded_bytes& operator=(guarded_bytes&& other) noexcept;

  std::span<unsigned char> bytes() {
    return {data_, size_};
  }
  std::span<const unsigned char> bytes() const {
    return {data_, size_};
  }
  std::string_view text() const {
    return {reinterpret_cast<const char*>(data_), size_};
  }

  /// Any later write ends the process.
  void make_read_only();

private:
  unsigned char* data_ = nullptr;
  std::size_t size_ = 0;
};

/// 256 secret bits, read-only once made. There is no way to print one but hex(), which
/// is for key files alone.
class secret_key {
public:
  static constexpr std::size_t size_bytes = 32;
  static constexpr std::size_t hex_size = 2 * size_bytes;
  using hex_text = std::array<char, hex_size>;

  static secret_key random();

  /// A copy of exactly `size_bytes` bytes; the caller wipes its own.
  static secret_key of(std::string_view bytes);

  /// 64 hex digits, or 43 or 44 characters of base64 (either alphabet); nothing for
  /// any other text.
  static std::optional<secret_key> from_text(std::string_view text);

  /// Another key that tells nothing of this one, nor of those of other numbers and
  /// purposes (crypto_kdf). The purpose has 8 characters.
  secret_key derived(std::uint64_t number, const char (&purpose)[9]) const;

  secret_key copy() const;

  /// The caller wipes it.
  hex_text hex() const;

  std::string_view bytes() const {
    return memory_.text();
  }
  const unsigned char* data() const {
    return memory_.bytes().data();
  }

private:
  explicit secret_key(guarded_bytes memory);
  guarded_bytes memory_;
};

inline constexpr std::size_t aead_nonce_bytes = 24;
inline constexpr std::size_t aead_tag_bytes = 16;

/// Appends to nothing and allocates nothing: `out` has room for plain.size() +
/// aead_tag_bytes.
void aead_seal(const secret_key& key, const unsigned char* nonce,
               std::string_view associated_data, std::string_view plain,
               unsigned char* out);

/// `out` has room for sealed.size() - aead_tag_bytes. False, with nothing of the plain
/// bytes in `out`, if any bit of all that goes in differs from what was sealed.
bool aead_open(const secret_key& key, const unsigned char* nonce,
               std::string_view associated_data, std::string_view sealed,
               unsigned char* out);

/// BLAKE2b of 16 to 64 bytes: nobody without the key can tell which text it is of.
void keyed_hash(const secret_key& key, std::string_view text,
                std::span<unsigned char> out);

void fill_random(std::span<unsigned char> out);

/// Zeroes what the compiler would leave as it is.
void wipe(void* bytes, std::size_t size_bytes);

/// Bytes on the stack that are zeroed at the end.
template <class T, std::size_t Size>
struct wiped_array : std::array<T, Size> {
  wiped_array() = default;
  ~wiped_array() {
    wipe(this->data(), Size * sizeof(T));
  }
  wiped_array(const wiped_array&) = delete;
  wiped_array& operator=(const wiped_array&) = delete;
};

} // namespace weir::storage
