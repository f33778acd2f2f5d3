#include "analytics/top_values.hpp"

#include "analytics/byte_io.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <utility>

namespace weir::analytics {

namespace {

constexpr std::uint8_t format_version = 1;
constexpr double weight_max = std::numeric_limits<double>::max();

// The head before the counters, at most: version, k, total, floor, number.
constexpr std::size_t head_bytes_max = 1 + 1 + 9 + 9 + 2;

std::uint64_t hash_of(std::string_view text) {
  return std::hash<std::string_view>{}(text);
}

/// Sums stay finite, so that they can be encoded.
double bounded_sum(double a, double b) {
  return std::min(a + b, weight_max);
}

std::string_view cut(std::string_view text) {
  if (text.size() <= top_values::text_bytes_max)
    return text;
  auto size = top_values::text_bytes_max;
  while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xc0) == 0x80)
    --size;
  return text.substr(0, size > 0 ? size : top_values::text_bytes_max);
}

/// What byte_writer::put_number writes.
std::size_t number_bytes(double x) {
  if (!byte_writer::is_short_number(x))
    return 9;
  auto bits = std::bit_width(static_cast<std::uint64_t>(x) << 1);
  return static_cast<std::size_t>(std::max(1, (static_cast<int>(bits) + 6) / 7));
}

} // namespace

top_values::top_values(std::uint32_t k) : k_(std::clamp(k, 1u, k_max)) {
}

/// Heaviest first, equal ones by text.
bool top_values::is_before(const counter& a, const counter& b) {
  return a.weight != b.weight ? a.weight > b.weight : a.text < b.text;
}

std::size_t top_values::find(std::string_view text, std::uint64_t hash) const {
  if (index_.empty())
    return not_found;
  auto mask = index_.size() - 1;
  for (auto at = hash & mask; index_[at] != 0; at = (at + 1) & mask) {
    const auto& x = counters_[index_[at] - 1u];
    if (x.hash == hash && x.text == text)
      return index_[at] - 1u;
  }
  return not_found;
}

void top_values::index_counter(std::size_t number) {
  auto mask = index_.size() - 1;
  auto at = counters_[number].hash & mask;
  while (index_[at] != 0)
    at = (at + 1) & mask;
  index_[at] = static_cast<std::uint16_t>(number + 1);
}

/// Takes a counter out and closes the gap, so that no search ends at it.
void top_values::unindex_counter(std::size_t number) {
  auto mask = index_.size() - 1;
  auto gap = counters_[number].hash & mask;
  while (index_[gap] != number + 1)
    gap = (gap + 1) & mask;
  for (auto at = (gap + 1) & mask; index_[at] != 0; at = (at + 1) & mask) {
    auto home = counters_[index_[at] - 1u].hash & mask;
    if (((at - home) & mask) < ((at - gap) & mask))
      continue; // It stands between its home and the gap's far side.
    index_[gap] = index_[at];
    gap = at;
  }
  index_[gap] = 0;
}

void top_values::insert(counter added) {
  counters_.push_back(std::move(added));
  if (counters_.size() * 2 <= index_.size()) {
    index_counter(counters_.size() - 1);
    return;
  }
  index_.assign(std::max<std::size_t>(16, index_.size() * 2), 0);
  for (std::size_t i = 0; i < counters_.size(); ++i)
    index_counter(i);
}

void top_values::add(std::string_view text, double weight) {
  if (!(weight > 0.0) || !(weight <= weight_max))
    return;
  text = cut(text);
  total_ = bounded_sum(total_, weight);
  auto hash = hash_of(text);
  if (auto number = find(text, hash); number != not_found) {
    auto& x = counters_[number].weight;
    x = bounded_sum(x, weight);
  } else if (counters_.size() < capacity()) {
    insert({std::string{text}, bounded_sum(floor_, weight), floor_, hash});
  } else {
    replace_lightest(text, hash, weight);
  }
}

void top_values::replace_lightest(std::string_view text, std::uint64_t hash,
                                  double weight) {
  auto number = lightest();
  auto& x = counters_[number];
  unindex_counter(number);
  floor_ = std::max(floor_, x.weight);
  x.text = text;
  x.hash = hash;
  x.error = floor_;
  x.weight = bounded_sum(floor_, weight);
  index_counter(number);
}

/// The heap learns of grown weights only here: weights only grow, so a root whose
/// weight is what the heap believes is the lightest of all. Adding stays cheap.
std::uint16_t top_values::lightest() {
  if (heap_.empty()) {
    for (std::size_t i = 0; i < counters_.size(); ++i)
      heap_.push_back({counters_[i].weight, static_cast<std::uint16_t>(i)});
    auto heavier
      = [](const heap_entry& a, const heap_entry& b) { return a.seen > b.seen; };
    std::make_heap(heap_.begin(), heap_.end(), heavier);
  }
  while (true) {
    auto& root = heap_.front();
    auto weight = counters_[root.number].weight;
    if (weight == root.seen)
      return root.number;
    root.seen = weight;
    sift_down(0);
  }
}

void top_values::sift_down(std::size_t at) {
  auto moving = heap_[at];
  for (auto child = 2 * at + 1; child < heap_.size(); child = 2 * at + 1) {
    if (child + 1 < heap_.size() && heap_[child + 1].seen < heap_[child].seen)
      ++child;
    if (heap_[child].seen >= moving.seen)
      break;
    heap_[at] = heap_[child];
    at = child;
  }
  heap_[at] = moving;
}

void top_values::merge(const top_values& other) {
  auto theirs = other.counters_; // A copy: `other` may be this.
  auto their_floor = other.floor_;
  std::vector<bool> common(counters_.size());
  std::vector<counter> added;
  for (auto& x : theirs) {
    if (auto number = find(x.text, x.hash); number != not_found) {
      auto& mine = counters_[number];
      mine.weight = bounded_sum(mine.weight, x.weight);
      mine.error = bounded_sum(mine.error, x.error);
      common[number] = true;
    } else {
      x.weight = bounded_sum(x.weight, floor_);
      x.error = bounded_sum(x.error, floor_);
      added.push_back(std::move(x));
    }
  }
  for (std::size_t i = 0; i < counters_.size(); ++i)
    if (!common[i]) {
      counters_[i].weight = bounded_sum(counters_[i].weight, their_floor);
      counters_[i].error = bounded_sum(counters_[i].error, their_floor);
    }
  k_ = std::max(k_, other.k_);
  total_ = bounded_sum(total_, other.total_);
  floor_ = bounded_sum(floor_, their_floor);
  auto all = std::move(counters_);
  std::move(added.begin(), added.end(), std::back_inserter(all));
  rebuild(std::move(all));
}

/// Keeps the heaviest; the floor rises to what is dropped.
void top_values::rebuild(std::vector<counter> counters) {
  counters_ = {};
  index_ = {};
  heap_ = {};
  if (counters.size() > capacity()) {
    std::sort(counters.begin(), counters.end(), is_before);
    floor_ = std::max(floor_, counters[capacity()].weight);
    counters.resize(capacity());
  }
  for (auto& x : counters)
    insert(std::move(x));
}

std::vector<const top_values::counter*> top_values::by_weight() const {
  std::vector<const counter*> result;
  result.reserve(counters_.size());
  for (const auto& x : counters_)
    result.push_back(&x);
  std::sort(result.begin(), result.end(),
            [](const counter* a, const counter* b) { return is_before(*a, *b); });
  return result;
}

std::vector<top_value> top_values::top(std::size_t k) const {
  std::vector<top_value> result;
  for (const auto* x : by_weight()) {
    if (result.size() == k)
      break;
    result.push_back({x->text, x->weight, x->error});
  }
  return result;
}

std::size_t top_values::size_bytes() const {
  auto result = sizeof(*this) + counters_.capacity() * sizeof(counters_[0])
                + index_.capacity() * sizeof(index_[0])
                + heap_.capacity() * sizeof(heap_[0]);
  for (const auto& x : counters_)
    if (x.text.capacity() > std::string{}.capacity())
      result += x.text.capacity() + 1;
  return result;
}

void top_values::encode(std::string& out, std::size_t bytes_max) const {
  auto counters = by_weight();
  auto floor = floor_;
  auto bytes_left = std::max<std::size_t>(bytes_max, 64) - head_bytes_max;
  for (std::size_t i = 0; i < counters.size(); ++i) {
    const auto& x = *counters[i];
    auto size = 2 + x.text.size() + number_bytes(x.weight) + number_bytes(x.error);
    if (size > bytes_left) {
      floor = std::max(floor, x.weight);
      counters.resize(i);
      break;
    }
    bytes_left -= size;
  }
  byte_writer writer{out};
  writer.put(format_version);
  writer.put_varint(k_);
  writer.put_number(total_);
  writer.put_number(floor);
  writer.put_varint(counters.size());
  for (const auto* x : counters) {
    writer.put_short_text(x->text);
    writer.put_number(x->weight);
    writer.put_number(x->error);
  }
}

expected<top_values, std::string> top_values::decode(std::string_view bytes) {
  auto fail = [](std::string_view why) {
    return unexpected("top values: " + std::string{why});
  };
  byte_reader in{bytes};
  if (auto version = in.get<std::uint8_t>(); !in.ok() || version != format_version)
    return fail("no version, or not version 1");
  auto k = in.get_varint();
  if (!in.ok() || k < 1 || k > k_max)
    return fail("k is not between 1 and 100");
  top_values result{static_cast<std::uint32_t>(k)};
  result.total_ = in.get_number();
  result.floor_ = in.get_number();
  auto size = in.get_varint();
  if (!in.ok() || size > result.capacity() || result.total_ < 0.0
      || result.floor_ < 0.0)
    return fail("its head is cut off, negative or announces too many texts");
  result.counters_.reserve(std::min<std::uint64_t>(size, bytes.size()));
  for (std::uint64_t i = 0; i < size; ++i) {
    counter x{std::string{in.get_short_text()}, 0.0, 0.0, 0};
    x.weight = in.get_number();
    x.error = in.get_number();
    x.hash = hash_of(x.text);
    if (!in.ok() || x.text.size() > text_bytes_max || !(x.weight > 0.0) || x.error < 0.0
        || x.error > x.weight)
      return fail("a text is missing, too long, or its weight or error impossible");
    if (!result.counters_.empty() && !is_before(result.counters_.back(), x))
      return fail("texts are out of order");
    if (result.find(x.text, x.hash) != not_found)
      return fail("a text is there twice");
    result.insert(std::move(x));
  }
  if (!in.ok() || !in.at_end())
    return fail("bytes are missing or left over");
  return result;
}

} // namespace weir::analytics
