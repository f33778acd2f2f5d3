#include "storage/sealing_sodium.hpp"

#include <algorithm>
#include <cassert>
#include <cstdlib>
#include <new>
#include <sodium.h>
#include <utility>

namespace weir::storage {

static_assert(secret_key::size_bytes == crypto_aead_xchacha20poly1305_ietf_KEYBYTES);
static_assert(secret_key::size_bytes == crypto_kdf_KEYBYTES);
static_assert(secret_key::size_bytes >= crypto_generichash_KEYBYTES_MIN
              && secret_key::size_bytes <= crypto_generichash_KEYBYTES_MAX);
static_assert(aead_nonce_bytes == crypto_aead_xchacha20poly1305_ietf_NPUBBYTES);
static_assert(aead_tag_bytes == crypto_aead_xchacha20poly1305_ietf_ABYTES);

namespace {

/// Guarded memory and the choice of the fastest code for this processor come with it.
void begin_sodium() {
  static const bool ready = sodium_init() >= 0;
  if (!ready)
    std::abort(); // There is no source of randomness: no key could be one.
}

const unsigned char* unsigned_bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

bool decode_base64(std::string_view text, int variant, std::span<unsigned char> out) {
  std::size_t size = 0;
  const char* end = nullptr;
  return sodium_base642bin(out.data(), out.size(), text.data(), text.size(), nullptr,
                           &size, &end, variant)
           == 0
         && size == out.size() && end == text.data() + text.size();
}

bool decode_hex(std::string_view text, std::span<unsigned char> out) {
  std::size_t size = 0;
  const char* end = nullptr;
  return sodium_hex2bin(out.data(), out.size(), text.data(), text.size(), nullptr,
                        &size, &end)
           == 0
         && size == out.size() && end == text.data() + text.size();
}

} // namespace

guarded_bytes::guarded_bytes(std::size_t size_bytes) : size_(size_bytes) {
  begin_sodium();
  data_ = static_cast<unsigned char*>(sodium_malloc(size_bytes));
  if (data_ == nullptr)
    throw std::bad_alloc{};
}

guarded_bytes::~guarded_bytes() {
  sodium_free(data_); // Zeroes; makes it writable first.
}

guarded_bytes::guarded_bytes(guarded_bytes&& other) noexcept
  : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {
}

guarded_bytes& guarded_bytes::operator=(guarded_bytes&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

void guarded_bytes::make_read_only() {
  // Where the system has no memory protection, the key works all the same.
  static_cast<void>(sodium_mprotect_readonly(data_));
}

secret_key::secret_key(guarded_bytes memory) : memory_(std::move(memory)) {
  memory_.make_read_only();
}

secret_key secret_key::random() {
  guarded_bytes memory{size_bytes};
  randombytes_buf(memory.bytes().data(), size_bytes);
  return secret_key{std::move(memory)};
}

secret_key secret_key::of(std::string_view bytes) {
  assert(bytes.size() == size_bytes);
  guarded_bytes memory{size_bytes};
  bytes.copy(reinterpret_cast<char*>(memory.bytes().data()), size_bytes);
  return secret_key{std::move(memory)};
}

std::optional<secret_key> secret_key::from_text(std::string_view text) {
  guarded_bytes memory{size_bytes};
  auto out = memory.bytes();
  bool good = text.size() == hex_size && decode_hex(text, out);
  for (int variant :
       {sodium_base64_VARIANT_ORIGINAL, sodium_base64_VARIANT_ORIGINAL_NO_PADDING,
        sodium_base64_VARIANT_URLSAFE, sodium_base64_VARIANT_URLSAFE_NO_PADDING})
    good = good || (text.size() <= 44 && decode_base64(text, variant, out));
  if (!good)
    return std::nullopt;
  return secret_key{std::move(memory)};
}

secret_key secret_key::derived(std::uint64_t number, const char (&purpose)[9]) const {
  static_assert(crypto_kdf_CONTEXTBYTES == 8);
  guarded_bytes memory{size_bytes};
  crypto_kdf_derive_from_key(memory.bytes().data(), size_bytes, number, purpose,
                             data());
  return secret_key{std::move(memory)};
}

secret_key secret_key::copy() const {
  return of(bytes());
}

secret_key::hex_text secret_key::hex() const {
  wiped_array<char, hex_size + 1> with_zero;
  sodium_bin2hex(with_zero.data(), with_zero.size(), data(), size_bytes);
  hex_text result;
  std::copy_n(with_zero.begin(), hex_size, result.begin());
  return result;
}

void aead_seal(const secret_key& key, const unsigned char* nonce,
               std::string_view associated_data, std::string_view plain,
               unsigned char* out) {
  crypto_aead_xchacha20poly1305_ietf_encrypt(
    out, nullptr, unsigned_bytes(plain), plain.size(), unsigned_bytes(associated_data),
    associated_data.size(), nullptr, nonce, key.data());
}

bool aead_open(const secret_key& key, const unsigned char* nonce,
               std::string_view associated_data, std::string_view sealed,
               unsigned char* out) {
  // The tag is checked before anything is decrypted.
  return crypto_aead_xchacha20poly1305_ietf_decrypt(
           out, nullptr, nullptr, unsigned_bytes(sealed), sealed.size(),
           unsigned_bytes(associated_data), associated_data.size(), nonce, key.data())
         == 0;
}

void keyed_hash(const secret_key& key, std::string_view text,
                std::span<unsigned char> out) {
  assert(out.size() >= crypto_generichash_BYTES_MIN
         && out.size() <= crypto_generichash_BYTES_MAX);
  crypto_generichash(out.data(), out.size(), unsigned_bytes(text), text.size(),
                     key.data(), secret_key::size_bytes);
}

void fill_random(std::span<unsigned char> out) {
  begin_sodium();
  randombytes_buf(out.data(), out.size());
}

void wipe(void* bytes, std::size_t size_bytes) {
  sodium_memzero(bytes, size_bytes);
}

} // namespace weir::storage
