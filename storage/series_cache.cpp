#include "storage/store_impl.hpp"

#include <algorithm>

namespace weir::storage {

namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool contains(const std::string& text, const std::string& lowered_part) {
  auto same = [](char in_text, char in_part) { return lower(in_text) == in_part; };
  return std::search(text.begin(), text.end(), lowered_part.begin(), lowered_part.end(),
                     same)
         != text.end();
}

} // namespace

std::string series_cache::name_key(std::string_view edge, std::string_view text) {
  std::string key;
  key.reserve(edge.size() + text.size() + 1);
  key.append(1, static_cast<char>(edge.size())).append(edge).append(text);
  return key;
}

stored_series_id series_cache::find(std::string_view edge,
                                    std::string_view text) const {
  auto key = name_key(edge, text);
  auto lock = std::shared_lock{mutex_};
  auto found = ids_.find(key);
  return found == ids_.end() ? 0 : found->second;
}

std::optional<stored_series> series_cache::get(stored_series_id id) const {
  auto lock = std::shared_lock{mutex_};
  if (id == 0 || id > series_.size())
    return std::nullopt;
  return series_[id - 1];
}

std::vector<stored_series> series_cache::search(const series_filter& filter) const {
  auto part = filter.text_contains;
  std::transform(part.begin(), part.end(), part.begin(), lower);
  std::vector<stored_series> result;
  auto lock = std::shared_lock{mutex_};
  for (const auto& x : series_) {
    if (result.size() >= filter.limit)
      break;
    if ((filter.edge.empty() || x.edge == filter.edge) && contains(x.text, part))
      result.push_back(x);
  }
  return result;
}

std::size_t series_cache::size() const {
  auto lock = std::shared_lock{mutex_};
  return series_.size();
}

void series_cache::apply(const std::map<stored_series_id, stored_series>& changed) {
  auto lock = std::unique_lock{mutex_};
  for (const auto& [id, x] : changed) {
    if (id <= series_.size()) {
      series_[id - 1] = x;
      continue;
    }
    series_.push_back(x);
    ids_.emplace(name_key(x.edge, x.text), id);
  }
}

} // namespace weir::storage
