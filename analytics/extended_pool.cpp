#include "analytics/extended_pool.hpp"

#include "analytics/series.hpp"
#include "analytics/window_operator.hpp"

#include <algorithm>
#include <utility>

namespace weir::analytics {

namespace {

std::vector<std::string>
names_of(const std::vector<aggregate_plan::top_request>& tops) {
  std::vector<std::string> result;
  for (const auto& x : tops)
    result.push_back(x.name);
  return result;
}

} // namespace

fact_book::fact_book(const aggregate_plan& plan, lookup look_up)
  : distinct_(plan.distinct), top_(names_of(plan.top)), look_up_(std::move(look_up)) {
}

const fact_book::facts& fact_book::of(series_id series) {
  auto& known = known_[series];
  if (known)
    return *known;
  known = std::make_unique<facts>();
  for (const auto& name : distinct_) {
    auto text = look_up_(series, name);
    known->distinct.push_back(text.empty() ? 0 : stable_hash(text));
  }
  for (const auto& name : top_)
    known->texts.push_back(look_up_(series, name));
  for (const auto& text : known->texts)
    known->top.push_back(text);
  return *known;
}

std::uint32_t extended_pool::take() {
  if (!used_)
    return none;
  if (free_.empty()) {
    items_.emplace_back(plan_);
    return static_cast<std::uint32_t>(items_.size() - 1);
  }
  auto index = free_.back();
  free_.pop_back();
  items_[index] = extended_aggregates{plan_};
  return index;
}

void extended_pool::give(std::uint32_t index) {
  if (index == none)
    return;
  items_[index] = extended_aggregates{};
  free_.push_back(index);
}

void extended_pool::add(std::uint32_t index, const keyed_event& event) {
  if (facts_ == nullptr) {
    items_[index].add(event.time_ns, event.value);
    return;
  }
  const auto& facts = facts_->of(event.series);
  items_[index].add(event.time_ns, event.value, facts.distinct, facts.top);
}

std::size_t extended_pool::size_bytes() const {
  auto result = (items_.capacity() - items_.size()) * sizeof(extended_aggregates)
                + free_.capacity() * sizeof(std::uint32_t);
  for (const auto& x : items_)
    result += x.size_bytes();
  return result;
}

void extended_pool::save(std::uint32_t index, byte_writer& out) const {
  if (index == none) {
    out.put_text({});
    return;
  }
  std::string bytes;
  items_[index].encode(bytes);
  out.put_text(bytes);
}

std::uint32_t extended_pool::load(std::string_view bytes) {
  auto index = take();
  if (index == none)
    return none;
  if (auto decoded = extended_aggregates::decode(bytes);
      decoded && decoded->fits(plan_))
    items_[index] = std::move(*decoded);
  return index;
}

} // namespace weir::analytics
