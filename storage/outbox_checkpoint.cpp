#include "storage/outbox_checkpoint.hpp"

#include "storage/big_endian.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <set>
#include <utility>

namespace weir::storage {

namespace {

constexpr std::uint8_t header_version = 1;
constexpr std::uint8_t chunk_version = 1;

constexpr std::string_view header_key = "checkpoint";
constexpr std::string_view aside_key = "checkpoint_aside";

/// With version, hash and LMDB's page header a chunk fills eight pages.
constexpr std::size_t chunk_bytes = 32'736;

struct part_header {
  std::string name;
  std::uint64_t size_bytes = 0;

  std::size_t chunks() const {
    return static_cast<std::size_t>((size_bytes + chunk_bytes - 1) / chunk_bytes);
  }
};

struct header {
  std::uint32_t generation = 0;
  std::uint64_t journal_number = 1;
  std::vector<part_header> parts;
};

std::string to_value(const header& x) {
  std::string value;
  put_be(value, header_version);
  put_be(value, x.generation);
  put_be(value, x.journal_number);
  put_be(value, static_cast<std::uint32_t>(x.parts.size()));
  for (const auto& part : x.parts) {
    put_text(value, part.name);
    put_be(value, part.size_bytes);
  }
  put_be(value, chunk_hash(value));
  return value;
}

header to_header(std::string_view value) {
  auto in = byte_reader{value};
  header x;
  auto version = in.take<std::uint8_t>();
  if (in.ok() && version > header_version)
    throw failure(errc::unsupported, "the outbox holds a checkpoint of version "
                                       + std::to_string(version)
                                       + ". Start the newer program that wrote it.");
  x.generation = in.take<std::uint32_t>();
  x.journal_number = in.take<std::uint64_t>();
  auto parts = in.take<std::uint32_t>();
  for (std::uint32_t i = 0; i < parts && in.ok(); ++i) {
    part_header part;
    part.name = in.take_text();
    part.size_bytes = in.take<std::uint64_t>();
    x.parts.push_back(std::move(part));
  }
  auto hash = in.take<std::uint64_t>();
  if (!in.complete() || hash != chunk_hash(value.substr(0, value.size() - 8)))
    throw failure(errc::malformed, "the checkpoint's header is damaged.");
  return x;
}

std::string chunk_key(std::uint32_t generation, std::string_view name,
                      std::size_t index) {
  std::string key;
  put_be(key, generation);
  put_be(key, static_cast<std::uint8_t>(name.size()));
  key.append(name);
  put_be(key, static_cast<std::uint32_t>(index));
  return key;
}

std::string_view chunk_of(std::string_view bytes, std::size_t index) {
  return bytes.substr(index * chunk_bytes, chunk_bytes);
}

std::vector<std::uint64_t> hashes_of(std::string_view bytes) {
  std::vector<std::uint64_t> result;
  for (std::size_t at = 0; at < bytes.size(); at += chunk_bytes)
    result.push_back(chunk_hash(bytes.substr(at, chunk_bytes)));
  return result;
}

void erase_generation(lmdb_txn& txn, lmdb_table chunks, std::uint32_t generation) {
  std::string prefix;
  put_be(prefix, generation);
  auto cursor = lmdb_cursor{txn, chunks};
  bool more = cursor.seek(prefix);
  while (more && cursor.key().substr(0, prefix.size()) == prefix) {
    cursor.erase();
    more = cursor.seek(prefix);
  }
}

void check_names(const checkpoint& x) {
  std::set<std::string_view> names;
  for (const auto& part : x.parts)
    if (part.name.empty() || part.name.size() > 255 || !names.insert(part.name).second)
      throw failure(errc::malformed, "the parts of a checkpoint need names of 1 to 255 "
                                     "bytes, each of its own.");
}

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

void checkpoint_table::load(const lmdb_txn& txn) {
  now_ = {};
  auto value = txn.get(meta_, header_key);
  if (auto aside = txn.get(meta_, aside_key)) {
    auto in = byte_reader{*aside};
    in.take<std::uint8_t>();
    now_.generation = in.take<std::uint32_t>() + 1;
  }
  if (!value)
    return;
  header found;
  try {
    found = to_header(*value);
  } catch (const failure& x) {
    if (x.what_happened.code != errc::malformed)
      throw;
    return; // read() says so; the generation stays free of what lies there.
  }
  now_.generation = found.generation;
  for (const auto& part : found.parts) {
    auto& hashes = now_.hashes[part.name];
    for (std::size_t i = 0; i < part.chunks(); ++i) {
      auto in = byte_reader{
        txn.get(chunks_, chunk_key(found.generation, part.name, i)).value_or("")};
      in.take<std::uint8_t>();
      hashes.push_back(in.take<std::uint64_t>());
    }
    now_.size_bytes += static_cast<std::size_t>(part.size_bytes);
  }
}

std::size_t checkpoint_table::changed_bytes(const checkpoint& x) const {
  std::size_t result = 0;
  for (const auto& part : x.parts) {
    auto hashes = hashes_of(part.bytes);
    auto before = now_.hashes.find(part.name);
    for (std::size_t i = 0; i < hashes.size(); ++i)
      if (before == now_.hashes.end() || i >= before->second.size()
          || before->second[i] != hashes[i])
        result += chunk_of(part.bytes, i).size();
  }
  return result;
}

checkpoint_table::staged checkpoint_table::write(lmdb_txn& txn,
                                                 const checkpoint& x) const {
  check_names(x);
  staged result;
  result.generation = now_.generation;
  auto head = header{now_.generation, x.journal_number, {}};
  for (const auto& part : x.parts) {
    auto hashes = hashes_of(part.bytes);
    auto known = now_.hashes.find(part.name);
    static const std::vector<std::uint64_t> none;
    const auto& before = known == now_.hashes.end() ? none : known->second;
    for (std::size_t i = 0; i < hashes.size(); ++i) {
      if (i < before.size() && before[i] == hashes[i])
        continue;
      std::string value;
      put_be(value, chunk_version);
      put_be(value, hashes[i]);
      value.append(chunk_of(part.bytes, i));
      txn.put(chunks_, chunk_key(now_.generation, part.name, i), value);
      result.written_bytes += value.size();
    }
    for (std::size_t i = hashes.size(); i < before.size(); ++i)
      txn.erase(chunks_, chunk_key(now_.generation, part.name, i));
    result.size_bytes += part.bytes.size();
    head.parts.push_back({part.name, part.bytes.size()});
    result.hashes.emplace(part.name, std::move(hashes));
  }
  for (const auto& [name, hashes] : now_.hashes)
    if (!result.hashes.contains(name))
      for (std::size_t i = 0; i < hashes.size(); ++i)
        txn.erase(chunks_, chunk_key(now_.generation, name, i));
  txn.put(meta_, header_key, to_value(head));
  return result;
}

void checkpoint_table::adopt(staged&& written) {
  now_ = std::move(written);
}

std::optional<checkpoint> checkpoint_table::read(const lmdb_txn& txn) const {
  auto value = txn.get(meta_, header_key);
  if (!value)
    return std::nullopt;
  auto head = to_header(*value);
  checkpoint result{head.journal_number, {}};
  for (const auto& part : head.parts) {
    auto& into = result.parts.emplace_back(state_part{part.name, {}});
    for (std::size_t i = 0; i < part.chunks(); ++i) {
      auto in = byte_reader{
        txn.get(chunks_, chunk_key(head.generation, part.name, i)).value_or("")};
      auto version = in.take<std::uint8_t>();
      auto hash = in.take<std::uint64_t>();
      if (!in.ok() || version != chunk_version || hash != chunk_hash(in.rest()))
        throw failure(errc::malformed, "the checkpoint's part \"" + part.name
                                         + "\" is damaged in chunk " + std::to_string(i)
                                         + ".");
      into.bytes.append(in.rest());
    }
    if (into.bytes.size() != part.size_bytes)
      throw failure(errc::malformed, "the checkpoint's part \"" + part.name
                                       + "\" has another size than its header says.");
  }
  return result;
}

void checkpoint_table::set_aside(lmdb_txn& txn) const {
  auto value = txn.get(meta_, header_key);
  if (!value)
    return;
  if (auto older = txn.get(meta_, aside_key)) {
    auto in = byte_reader{*older};
    in.take<std::uint8_t>();
    erase_generation(txn, chunks_, in.take<std::uint32_t>());
  }
  auto kept = std::string{*txn.get(meta_, header_key)};
  txn.put(meta_, aside_key, kept);
  txn.erase(meta_, header_key);
}

} // namespace weir::storage
