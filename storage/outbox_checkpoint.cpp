#include "storage/outbox_checkpoint.hpp"

#include "storage/big_endian.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <set>
#include <utility>

namespace weir::storage {

namespace {

// Version 1 had no compressed chunks; what reads it needs nothing else.
constexpr std::uint8_t header_version = 2;

constexpr std::string_view header_key = "checkpoint";
constexpr std::string_view aside_key = "checkpoint_aside";

constexpr auto chunk_bytes = packed_state::chunk_bytes;
constexpr std::size_t page_bytes = 4096;

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

/// Whether the chunk stands in the database already.
bool is_known(const std::vector<std::uint64_t>& before, std::size_t index,
              std::uint64_t hash) {
  return index < before.size() && before[index] == hash;
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

void check_names(const packed_checkpoint& x) {
  std::set<std::string_view> names;
  for (const auto& part : x.parts)
    if (part.name.empty() || part.name.size() > 255 || !names.insert(part.name).second)
      throw failure(errc::malformed, "the parts of a checkpoint need names of 1 to 255 "
                                     "bytes, each of its own.");
}

} // namespace

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
      auto chunk
        = txn.get(chunks_, chunk_key(found.generation, part.name, i)).value_or("");
      hashes.push_back(stored_chunk_hash(chunk).value_or(0));
    }
    now_.size_bytes += static_cast<std::size_t>(part.size_bytes);
  }
}

const std::vector<std::uint64_t>&
checkpoint_table::hashes_before(std::string_view name) const {
  static const std::vector<std::uint64_t> none;
  auto known = now_.hashes.find(name);
  return known == now_.hashes.end() ? none : known->second;
}

std::size_t checkpoint_table::changed_bytes(const packed_checkpoint& x) const {
  std::size_t result = 0;
  for (const auto& part : x.parts) {
    const auto& before = hashes_before(part.name);
    const auto& chunks = part.state.chunks();
    for (std::size_t i = 0; i < chunks.size(); ++i)
      if (!is_known(before, i, chunks[i].hash))
        result += chunks[i].value.size() + page_bytes;
  }
  return result;
}

checkpoint_table::staged checkpoint_table::write(lmdb_txn& txn,
                                                 const packed_checkpoint& x) const {
  check_names(x);
  staged result;
  result.generation = now_.generation;
  auto head = header{now_.generation, x.journal_number, {}};
  for (const auto& part : x.parts) {
    const auto& before = hashes_before(part.name);
    const auto& chunks = part.state.chunks();
    auto& hashes = result.hashes[part.name];
    for (std::size_t i = 0; i < chunks.size(); ++i) {
      hashes.push_back(chunks[i].hash);
      if (is_known(before, i, chunks[i].hash))
        continue;
      txn.put(chunks_, chunk_key(now_.generation, part.name, i), chunks[i].value);
      result.written_bytes += chunks[i].value.size();
    }
    for (std::size_t i = chunks.size(); i < before.size(); ++i)
      txn.erase(chunks_, chunk_key(now_.generation, part.name, i));
    auto size = part.state.size_bytes();
    result.size_bytes += static_cast<std::size_t>(size);
    head.parts.push_back({part.name, size});
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
      auto chunk
        = txn.get(chunks_, chunk_key(head.generation, part.name, i)).value_or("");
      auto size
        = std::min<std::uint64_t>(part.size_bytes - i * chunk_bytes, chunk_bytes);
      if (!unpack_chunk(chunk, static_cast<std::size_t>(size), into.bytes))
        throw failure(errc::malformed, "the checkpoint's part \"" + part.name
                                         + "\" is damaged in chunk " + std::to_string(i)
                                         + ".");
    }
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

packed_checkpoint pack(const checkpoint& x) {
  packed_checkpoint result{x.journal_number, {}};
  for (const auto& part : x.parts)
    result.parts.push_back({part.name, packed_state{part.bytes}});
  return result;
}

} // namespace weir::storage
