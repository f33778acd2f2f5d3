#include "analytics/series.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cassert>
#include <cstdio>

namespace weir::analytics {

namespace {

void append_escaped(std::string& out, std::string_view value) {
  for (char c : value) {
    auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out.push_back('\\');
      out.push_back(c);
    } else if (c == '\n') {
      out += "\\n";
    } else if (byte < 0x20 || byte == 0x7f) {
      std::array<char, 7> text{};
      std::snprintf(text.data(), text.size(), "\\u00%02x", byte);
      out += text.data();
    } else {
      out.push_back(c);
    }
  }
}

/// Metrics and keys stand without quotes, so what would end them becomes `_`.
void append_bare(std::string& out, std::string_view name) {
  for (char c : name) {
    auto byte = static_cast<unsigned char>(c);
    bool plain = byte > 0x20 && byte != 0x7f && c != '{' && c != '}' && c != '"'
                 && c != '=' && c != ',';
    out.push_back(plain ? c : '_');
  }
}

void append_pair(std::string& out, std::string_view key, std::string_view value) {
  append_bare(out, key);
  out += "=\"";
  append_escaped(out, value);
  out.push_back('"');
}

/// Reads canonical text from left to right; the position is the error's place.
class series_parser {
public:
  explicit series_parser(std::string_view text) : text_(text) {
  }

  expected<series_name, std::string> parse() {
    series_name result;
    auto brace = text_.find('{');
    if (brace == std::string_view::npos)
      return fail("expected `{` after the metric");
    result.metric = text_.substr(0, brace);
    position_ = brace + 1;
    bool first = true;
    while (!take('}')) {
      if (!first && !take(','))
        return fail("expected `,` or `}`");
      std::string key;
      std::string value;
      if (auto why = read_pair(key, value))
        return fail(*why);
      if (first && key == "source")
        result.source = std::move(value);
      else
        result.dimensions.emplace_back(std::move(key), std::move(value));
      first = false;
    }
    if (position_ != text_.size())
      return fail("unexpected text after `}`");
    return result;
  }

private:
  bool take(char c) {
    if (position_ >= text_.size() || text_[position_] != c)
      return false;
    ++position_;
    return true;
  }

  std::optional<std::string> read_pair(std::string& key, std::string& value) {
    auto equals = text_.find('=', position_);
    if (equals == std::string_view::npos || equals == position_)
      return "expected key=\"value\"";
    key = text_.substr(position_, equals - position_);
    position_ = equals + 1;
    if (!take('"'))
      return "expected `\"`";
    while (!take('"')) {
      if (position_ >= text_.size())
        return "the value has no closing `\"`";
      if (!read_character(value))
        return "unknown escape";
    }
    return std::nullopt;
  }

  bool read_character(std::string& value) {
    char c = text_[position_++];
    if (c != '\\') {
      value.push_back(c);
      return true;
    }
    if (position_ >= text_.size())
      return false;
    c = text_[position_++];
    if (c == '"' || c == '\\') {
      value.push_back(c);
      return true;
    }
    if (c == 'n') {
      value.push_back('\n');
      return true;
    }
    unsigned code = 0;
    if (c != 'u' || position_ + 4 > text_.size()
        || std::sscanf(std::string{text_.substr(position_, 4)}.c_str(), "%4x", &code)
             != 1
        || code > 0x7f)
      return false;
    value.push_back(static_cast<char>(code));
    position_ += 4;
    return true;
  }

  tl::unexpected<std::string> fail(std::string_view what) const {
    return unexpected("series text, character " + std::to_string(position_ + 1) + ": "
                      + std::string{what});
  }

  std::string_view text_;
  std::size_t position_ = 0;
};

} // namespace

void append_canonical(std::string& out, const series_view& series) {
  append_bare(out, series.metric);
  out.push_back('{');
  append_pair(out, "source", series.source);
  auto append_dimension = [&out](const dimension& x) {
    out.push_back(',');
    append_pair(out, x.key, x.value);
  };
  auto by_key = [](const dimension& a, const dimension& b) { return a.key < b.key; };
  if (std::is_sorted(series.dimensions.begin(), series.dimensions.end(), by_key)) {
    std::for_each(series.dimensions.begin(), series.dimensions.end(), append_dimension);
  } else {
    std::vector<dimension> sorted(series.dimensions.begin(), series.dimensions.end());
    std::stable_sort(sorted.begin(), sorted.end(), by_key);
    std::for_each(sorted.begin(), sorted.end(), append_dimension);
  }
  out.push_back('}');
}

expected<series_name, std::string> parse_series(std::string_view text) {
  return series_parser{text}.parse();
}

std::uint64_t stable_hash(std::string_view bytes, std::uint64_t seed) {
  std::uint64_t hash = 0xcbf29ce484222325ull ^ (seed * 0x9e3779b97f4a7c15ull);
  for (char c : bytes) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 0x100000001b3ull;
  }
  // FNV's high bits mix poorly; finish as splitmix64 does, so that any bits serve.
  hash ^= hash >> 30;
  hash *= 0xbf58476d1ce4e5b9ull;
  hash ^= hash >> 27;
  hash *= 0x94d049bb133111ebull;
  return hash ^ (hash >> 31);
}

std::string_view shard_key(std::string_view canonical) {
  constexpr std::string_view opening = "{source=\"";
  auto begin = canonical.find(opening);
  if (begin == std::string_view::npos)
    return canonical;
  begin += opening.size();
  auto end = begin;
  while (end < canonical.size() && canonical[end] != '"')
    end += canonical[end] == '\\' ? 2 : 1;
  if (end == begin || end >= canonical.size())
    return canonical;
  return canonical.substr(begin, end - begin);
}

series_table::series_table(std::size_t series_max, std::size_t shards)
  : series_max_(series_max), bits_(static_cast<std::uint32_t>(
                               std::bit_width(std::max<std::size_t>(shards, 1) - 1))),
    mask_((std::uint32_t{1} << bits_) - 1), shards_(std::max<std::size_t>(shards, 1)),
    index_(1024) {
}

std::uint32_t series_table::hash_of(std::string_view text) {
  return static_cast<std::uint32_t>(std::hash<std::string_view>{}(text));
}

/// Where `canonical` stands in the index, or the free place where it would.
std::size_t series_table::find(std::string_view canonical, std::uint32_t hash) const {
  auto mask = index_.size() - 1;
  auto at = hash & mask;
  for (; index_[at].id != no_series; at = (at + 1) & mask) {
    auto id = index_[at].id;
    if (index_[at].hash == hash
        && shards_[shard_of(id)].texts[local_of(id)] == canonical)
      break;
  }
  return at;
}

void series_table::grow(std::size_t entries) {
  std::vector<index_entry> larger(std::bit_ceil(std::max(entries, index_.size())));
  auto mask = larger.size() - 1;
  for (const auto& x : index_) {
    if (x.id == no_series)
      continue;
    auto at = x.hash & mask;
    while (larger[at].id != no_series)
      at = (at + 1) & mask;
    larger[at] = x;
  }
  index_ = std::move(larger);
}

std::vector<series_id>
series_table::intern_all(std::span<const std::string_view> names) {
  // A block's places in the index are asked for before they are needed: with a million
  // names each would be a miss.
  constexpr std::size_t block = 32;
  std::array<std::uint32_t, block> hashes{};
  std::vector<series_id> result(names.size(), no_series);
  std::unique_lock lock{mutex_};
  grow(2 * std::min(size() + names.size(), series_max_));
  for (std::size_t begin = 0; begin < names.size(); begin += block) {
    auto count = std::min(block, names.size() - begin);
    for (std::size_t i = 0; i < count; ++i) {
      hashes[i] = hash_of(names[begin + i]);
      __builtin_prefetch(&index_[hashes[i] & (index_.size() - 1)], 1);
    }
    for (std::size_t i = 0; i < count; ++i) {
      const auto& name = names[begin + i];
      if (name.empty())
        continue;
      auto at = find(name, hashes[i]);
      result[begin + i] = index_[at].id != no_series
                            ? index_[at].id
                            : insert(at, name, hashes[i]).value_or(no_series);
    }
  }
  return result;
}

/// Takes a name out and moves those behind it up, so that no search ends too early.
void series_table::remove(std::string_view canonical) {
  auto at = find(canonical, hash_of(canonical));
  if (index_[at].id == no_series)
    return;
  auto mask = index_.size() - 1;
  auto hole = at;
  for (auto next = (at + 1) & mask; index_[next].id != no_series;
       next = (next + 1) & mask) {
    auto home = index_[next].hash & mask;
    if (((next - home) & mask) < ((next - hole) & mask))
      continue; // It would come before its home.
    index_[hole] = index_[next];
    hole = next;
  }
  index_[hole] = index_entry{};
  named_.fetch_sub(1, std::memory_order_relaxed);
}

std::optional<series_id> series_table::intern(std::string_view canonical) {
  auto hash = hash_of(canonical);
  {
    std::shared_lock lock{mutex_};
    if (auto at = find(canonical, hash); index_[at].id != no_series)
      return index_[at].id;
  }
  std::unique_lock lock{mutex_};
  auto at = find(canonical, hash);
  if (index_[at].id != no_series)
    return index_[at].id;
  return insert(at, canonical, hash);
}

/// Gives a name that is not there an id; `at` is its place in the index.
std::optional<series_id>
series_table::insert(std::size_t at, std::string_view canonical, std::uint32_t hash) {
  if (size() >= series_max_) {
    refused_.fetch_add(1, std::memory_order_relaxed);
    return std::nullopt;
  }
  auto number = shard_for(canonical);
  auto& shard = shards_[number];
  std::uint32_t local = 0;
  if (!shard.free.empty()) {
    local = shard.free.back();
    shard.free.pop_back();
    shard.texts[local] = canonical;
  } else {
    local = static_cast<std::uint32_t>(shard.texts.size());
    shard.texts.emplace_back(canonical);
  }
  auto id = id_of(number, local);
  index_[at] = {hash, id};
  if (named_.fetch_add(1, std::memory_order_relaxed) * 2 >= index_.size())
    grow(index_.size() * 2);
  return id;
}

const std::string& series_table::text(series_id id) const {
  std::shared_lock lock{mutex_};
  assert(local_of(id) < shards_[shard_of(id)].texts.size());
  return shards_[shard_of(id)].texts[local_of(id)];
}

std::size_t series_table::size() const {
  return named_.load(std::memory_order_relaxed);
}

std::size_t series_table::to_evict() const {
  auto named = size();
  // A tiny table (a test's) has no 5 %: one place is kept free.
  auto high = std::min(series_max_ - series_max_ / 20, series_max_ - 1);
  if (named <= high)
    return 0;
  return named - std::min(series_max_ - series_max_ / 10, high);
}

std::uint64_t series_table::retire(std::span<const series_id> ids) {
  std::unique_lock lock{mutex_};
  for (auto id : ids)
    remove(shards_[shard_of(id)].texts[local_of(id)]);
  return epoch_.fetch_add(1) + 1;
}

bool series_table::passed(std::uint64_t epoch) const {
  std::shared_lock lock{mutex_};
  return std::all_of(readers_.begin(), readers_.end(), [epoch](const reader* x) {
    return x->active_.load() >= epoch; // Idle is the largest number.
  });
}

void series_table::release(std::span<const series_id> ids) {
  std::unique_lock lock{mutex_};
  for (auto id : ids) {
    auto& shard = shards_[shard_of(id)];
    shard.texts[local_of(id)] = std::string{};
    shard.free.push_back(local_of(id));
  }
  if (logs_releases_)
    released_.insert(released_.end(), ids.begin(), ids.end());
  releases_.fetch_add(1);
}

void series_table::log_releases() {
  std::unique_lock lock{mutex_};
  logs_releases_ = true;
}

std::vector<series_id> series_table::take_released() {
  std::unique_lock lock{mutex_};
  return std::exchange(released_, {});
}

series_table::reader::reader(series_table& table) : table_(table) {
  std::unique_lock lock{table_.mutex_};
  table_.readers_.push_back(this);
}

series_table::reader::~reader() {
  std::unique_lock lock{table_.mutex_};
  std::erase(table_.readers_, this);
}

std::uint64_t series_table::reader::enter() {
  // Both sides in sequential order: either retire() comes first and is seen here, or
  // passed() sees this reader with the older epoch and waits for it.
  auto epoch = table_.epoch_.load();
  active_.store(epoch);
  for (auto again = table_.epoch_.load(); again != epoch;
       again = table_.epoch_.load()) {
    epoch = again;
    active_.store(epoch);
  }
  return epoch;
}

series_resolver::series_resolver(series_table& table)
  : table_(table), reader_(table), slots_(1024) {
}

void series_resolver::enter() {
  auto epoch = reader_.enter();
  if (epoch == epoch_)
    return;
  epoch_ = epoch;
  std::fill(slots_.begin(), slots_.end(), slot{});
  keys_.clear();
  used_ = 0;
}

std::optional<series_id> series_resolver::resolve(const series_view& series) {
  // The raw key keeps lengths, so that ("ab","c") and ("a","bc") differ.
  scratch_.clear();
  auto append = [this](std::string_view text) {
    auto size = static_cast<std::uint32_t>(text.size());
    scratch_.append(reinterpret_cast<const char*>(&size), sizeof(size));
    scratch_.append(text);
  };
  append(series.metric);
  append(series.source);
  for (const auto& x : series.dimensions) {
    append(x.key);
    append(x.value);
  }
  auto hash = static_cast<std::uint64_t>(
    std::hash<std::string_view>{}(std::string_view{scratch_}));
  auto mask = slots_.size() - 1;
  auto index = static_cast<std::size_t>(hash) & mask;
  for (; slots_[index].key_size != 0; index = (index + 1) & mask) {
    const auto& candidate = slots_[index];
    if (candidate.hash == hash && candidate.key_size == scratch_.size()
        && std::string_view{keys_}.substr(candidate.key_offset, candidate.key_size)
             == scratch_)
      return candidate.id;
  }
  canonical_.clear();
  append_canonical(canonical_, series);
  auto id = table_.intern(canonical_);
  if (!id)
    return std::nullopt;
  slots_[index] = {hash, *id, static_cast<std::uint32_t>(keys_.size()),
                   static_cast<std::uint32_t>(scratch_.size())};
  keys_ += scratch_;
  if (++used_ * 2 > slots_.size())
    grow();
  return id;
}

void series_resolver::grow() {
  std::vector<slot> larger(slots_.size() * 2);
  auto mask = larger.size() - 1;
  for (const auto& x : slots_) {
    if (x.key_size == 0)
      continue;
    auto index = static_cast<std::size_t>(x.hash) & mask;
    while (larger[index].key_size != 0)
      index = (index + 1) & mask;
    larger[index] = x;
  }
  slots_ = std::move(larger);
}

} // namespace weir::analytics
