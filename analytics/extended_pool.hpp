// The further aggregates (sketches, rate, ...) of one view's open windows, and what
// they need to know of an event's series.
#pragma once

#include "analytics/byte_io.hpp"
#include "analytics/event.hpp"
#include "analytics/extended_aggregates.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace weir::analytics {

struct keyed_event;
class series_table;

/// What distinct and top aggregates want to know of a series, looked up once.
class fact_book {
public:
  /// `look_up` gives the value of a name ("source", "metric", a dimension, a column of
  /// a device table) for a series, empty if it has none.
  using lookup = std::function<std::string(series_id, const std::string& name)>;

  fact_book(const aggregate_plan& plan, lookup look_up);

  struct facts {
    std::vector<std::uint64_t> distinct;
    std::vector<std::string> texts;
    std::vector<std::string_view> top; ///< Into `texts`.
  };
  const facts& of(series_id series);

  /// The series is gone, or what is known of it has changed.
  void forget(series_id series) {
    known_.erase(series);
  }
  void forget_all() {
    known_.clear();
  }

private:
  const std::vector<std::string> distinct_;
  const std::vector<std::string> top_;
  const lookup look_up_;
  std::unordered_map<series_id, std::unique_ptr<facts>> known_;
};

class extended_pool {
public:
  static constexpr std::uint32_t none = ~std::uint32_t{0};

  /// `facts` may be null where the plan has neither distinct nor top; it outlives this.
  extended_pool(const aggregate_plan& plan, fact_book* facts)
    : plan_(plan), facts_(facts), used_(!plan.is_plain()) {
  }

  bool is_used() const {
    return used_;
  }

  /// A new, empty one; `none` where the plan is plain.
  std::uint32_t take();
  void give(std::uint32_t index);

  void add(std::uint32_t index, const keyed_event& event);

  /// Indices are below this.
  std::size_t slots() const {
    return items_.size();
  }

  const extended_aggregates& operator[](std::uint32_t index) const {
    return items_[index];
  }

  /// Encodes what `parts` (each with a field `extended`), in order of time, make
  /// together.
  template <class Parts>
  void encode(const Parts& parts, std::string& out) const {
    if (parts.size() == 1) {
      items_[parts.front().extended].encode(out);
      return;
    }
    extended_aggregates whole{plan_};
    for (const auto& x : parts)
      whole.merge(items_[x.extended]);
    whole.encode(out);
  }

  /// Encodes what `events` (a range of keyed_event), in order of time, make.
  template <class Events>
  void encode_events(const Events& events, std::string& out) {
    if (!used_)
      return;
    auto index = take();
    for (const auto& x : events)
      add(index, x);
    items_[index].encode(out);
    give(index);
  }

  std::size_t size_bytes() const;

  void save(std::uint32_t index, byte_writer& out) const;
  /// Nothing where the bytes are not what this plan keeps.
  std::uint32_t load(std::string_view bytes);

private:
  const aggregate_plan plan_;
  fact_book* facts_;
  const bool used_;
  std::vector<extended_aggregates> items_;
  std::vector<std::uint32_t> free_;
};

} // namespace weir::analytics
