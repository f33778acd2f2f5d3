#include "analytics/simulation/store_simulator.hpp"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <functional>
#include <utility>

namespace weir::analytics::simulation {

namespace {

constexpr double week_s = 7.0 * 86'400.0;
constexpr std::int64_t day_ns = 86'400'000'000'000;
constexpr std::int64_t forever = std::numeric_limits<std::int64_t>::max();
constexpr std::uint64_t promotion_stream = 1'000'000'009; // No customer's stream.
constexpr std::uint64_t id_stream = 1'000'000'021;
constexpr double discount = 0.20;

constexpr double weekday_factors[] = {0.8, 0.8, 0.9, 1.0, 1.3, 1.5, 0.7};
constexpr double before_holiday_factor = 1.6;
constexpr double holiday_factor = 0.15;
constexpr double season_factor = 4.0;

struct category_traits {
  std::string_view name;
  double share;  // Of purchases without a promotion.
  double median; // Amount.
};
constexpr category_traits categories[store_category_count] = {
  {"groceries", 0.40, 28.0}, {"household", 0.20, 35.0}, {"clothing", 0.14, 48.0},
  {"books", 0.12, 16.0},     {"toys", 0.08, 24.0},      {"electronics", 0.06, 130.0},
};

/// Visits a week; one_off has its one visit by other means.
double weekly_visits(customer_segment segment) {
  switch (segment) {
  case customer_segment::loyal_weekly:
    return 1.0;
  case customer_segment::bargain_hunter:
    return 0.4;
  case customer_segment::seasonal:
    return 0.5;
  case customer_segment::one_off:
    return 0.0;
  case customer_segment::churner:
    return 1.0;
  }
  return 0.0;
}

double promotion_factor(customer_segment segment) {
  return segment == customer_segment::bargain_hunter ? 5.0 : 1.5;
}

double hill(double hour, double top) {
  auto away = (hour - top) / 2.0;
  return std::exp(-0.5 * away * away);
}

/// Mean over the day is 1: both hills together have the area 10.0 h.
double hour_factor(double hour) {
  return 0.08 + 0.92 * 24.0 / 10.0 * (hill(hour, 11.5) + hill(hour, 18.0));
}
constexpr double hour_factor_max = 0.08 + 0.92 * 2.4 * 1.02;

double weekday_factor(customer_segment segment, int own, int weekday) {
  auto common = weekday_factors[weekday];
  if (segment != customer_segment::loyal_weekly)
    return common;
  return 0.3 * common + (weekday == own ? 0.7 * 7.0 : 0.0);
}

/// Of 20 customers: 7 loyal, 5 bargain hunters, 3 seasonal, 3 one-off, 2
/// churners.
customer_segment deal_segment(std::size_t index) {
  using enum customer_segment;
  constexpr customer_segment deck[20]
    = {loyal_weekly, bargain_hunter, seasonal, one_off,        churner,
       loyal_weekly, bargain_hunter, seasonal, loyal_weekly,   one_off,
       loyal_weekly, bargain_hunter, churner,  loyal_weekly,   bargain_hunter,
       loyal_weekly, seasonal,       one_off,  bargain_hunter, loyal_weekly};
  return deck[index % 20];
}

std::string customer_name(std::size_t index) {
  auto digits = std::to_string(index + 1);
  auto zeros = digits.size() < 4 ? 4 - digits.size() : 0;
  return "u-" + std::string(zeros, '0') + digits;
}

std::int64_t whole_ms(double seconds) {
  return static_cast<std::int64_t>(std::ceil(seconds * 1e3)) * 1'000'000;
}

double max_factor(customer_segment segment) {
  auto result = hour_factor_max * before_holiday_factor * promotion_factor(segment);
  result *= segment == customer_segment::loyal_weekly ? 0.3 * 1.5 + 4.9 : 1.5;
  return segment == customer_segment::seasonal ? result * season_factor : result;
}

} // namespace

std::string_view to_string(customer_segment x) {
  switch (x) {
  case customer_segment::loyal_weekly:
    return "loyal_weekly";
  case customer_segment::bargain_hunter:
    return "bargain_hunter";
  case customer_segment::seasonal:
    return "seasonal";
  case customer_segment::one_off:
    return "one_off";
  case customer_segment::churner:
    return "churner";
  }
  return "unknown";
}

std::string_view store_category_name(std::size_t category) {
  return categories[category].name;
}

expected<void, std::string> validate(const store_config& config) {
  if (config.customers < 1 || config.customers > 100'000)
    return unexpected(std::string{"customers must be 1 to 100,000"});
  if (!(config.activity > 0.0 && config.activity <= 100'000.0))
    return unexpected(std::string{"activity must be more than 0 and at most 100,000"});
  if (!(config.churn_days > 0.0 && config.churn_days <= 10'000.0))
    return unexpected(std::string{"churn days must be more than 0 and at most 10,000"});
  if (!(std::abs(config.utc_offset_hours) <= 14.0))
    return unexpected(std::string{"the offset to UTC must be -14 to 14 hours"});
  return {};
}

store_simulator::store_simulator(const store_config& config, std::int64_t start_ns)
  : config_(config), start_ns_(start_ns), last_ns_(start_ns),
    last_day_(to_local(start_ns, config.utc_offset_hours).day - 1),
    promotions_(config.seed, promotion_stream) {
  assert(validate(config));
  // Another run's purchases must not look like ours come twice.
  random_stream ids{config.seed ^ static_cast<std::uint64_t>(start_ns), id_stream};
  last_id_ = ids.next() >> 32 << 32;
  draw_promotion(start_ns - 3 * day_ns);
  current_ = next_;
  draw_promotion(current_.end_ns);
  customers_.reserve(config.customers);
  for (std::size_t i = 0; i < config.customers; ++i)
    make_customer(i);
}

void store_simulator::make_customer(std::size_t index) {
  customer x{random_stream{config_.seed, index}};
  x.segment = deal_segment(index);
  x.rate_per_s
    = weekly_visits(x.segment) / week_s * config_.activity * x.random.uniform(0.7, 1.3);
  x.own_weekday = static_cast<int>(x.random.below(7));
  auto turn_ns
    = start_ns_ + whole_ms(config_.churn_days * 86'400.0 * x.random.uniform(0.25, 1.0));
  auto source = customer_name(index);
  truth_.push_back({start_ns_, forever, "segment", source, "purchase", 0.0,
                    std::string{to_string(x.segment)}});
  if (x.segment == customer_segment::churner) {
    x.leaves_ns = turn_ns;
    truth_.push_back({turn_ns, forever, "churn", source, "purchase", 0.0, {}});
  }
  for (std::size_t c = 0; c < store_category_count; ++c)
    series_.push_back({"purchase",
                       source,
                       source_kind::user,
                       {{"category", std::string{categories[c].name}}}});
  customers_.push_back(x);
  if (x.segment == customer_segment::one_off) {
    truth_.push_back({turn_ns, turn_ns, "one_off", source, "purchase", 0.0, {}});
    arrivals_.push_back({turn_ns, index});
    std::push_heap(arrivals_.begin(), arrivals_.end(), std::greater<>{});
  } else {
    schedule(index, start_ns_);
  }
}

void store_simulator::schedule(std::size_t index, std::int64_t after_ns) {
  auto& x = customers_[index];
  auto wait_s = x.random.exponential(x.rate_per_s * max_factor(x.segment));
  if (wait_s > 3.0e9)
    return; // Not within the time that int64 nanoseconds can tell.
  auto time_ns = after_ns + whole_ms(wait_s);
  if (time_ns >= x.leaves_ns)
    return;
  arrivals_.push_back({time_ns, index});
  std::push_heap(arrivals_.begin(), arrivals_.end(), std::greater<>{});
}

double store_simulator::day_factor(std::int64_t day) {
  auto year = year_of(day);
  if (year != holiday_year_) {
    holiday_year_ = year;
    holidays_ = holidays_of(year);
    auto next_new_year = holidays_of(year + 1).front();
    holidays_.push_back(next_new_year);
  }
  auto result = 1.0;
  for (const auto& one : holidays_) {
    if (one.day == day)
      return holiday_factor;
    if (one.day > day && one.day <= day + 3)
      result = before_holiday_factor;
  }
  return result;
}

double store_simulator::acceptance(const customer& x, std::int64_t time_ns) {
  auto now = to_local(time_ns, config_.utc_offset_hours);
  auto factor = hour_factor(now.hour) * day_factor(now.day)
                * weekday_factor(x.segment, x.own_weekday, now.weekday);
  if (promotion_at(time_ns) != nullptr)
    factor *= promotion_factor(x.segment);
  if (x.segment == customer_segment::seasonal)
    factor *= now.day_of_year >= 304.0 ? season_factor : 0.25;
  if (x.leaves_ns != forever) {
    auto left_days
      = static_cast<double>(x.leaves_ns - time_ns) / static_cast<double>(day_ns);
    factor *= 0.3 + 0.7 * std::clamp(left_days / 14.0, 0.0, 1.0);
  }
  return factor / max_factor(x.segment);
}

void store_simulator::draw_promotion(std::int64_t after_ns) {
  auto wait_days = 6 + static_cast<std::int64_t>(promotions_.below(9));
  auto days = 2 + static_cast<std::int64_t>(promotions_.below(3));
  auto first = to_local(after_ns, config_.utc_offset_hours).day + wait_days;
  next_.category = static_cast<std::size_t>(promotions_.below(store_category_count));
  next_.start_ns = day_start_ns(first, config_.utc_offset_hours);
  next_.end_ns = next_.start_ns + days * day_ns;
}

const store_simulator::promotion*
store_simulator::promotion_at(std::int64_t time_ns) const {
  return current_.start_ns <= time_ns && time_ns < current_.end_ns ? &current_
                                                                   : nullptr;
}

void store_simulator::advance_calendar(std::int64_t time_ns) {
  auto day = to_local(time_ns, config_.utc_offset_hours).day;
  for (; last_day_ < day; ++last_day_) {
    auto begun = last_day_ + 1;
    auto begun_ns = day_start_ns(begun, config_.utc_offset_hours);
    if (current_.end_ns <= begun_ns) {
      current_ = next_;
      draw_promotion(current_.end_ns);
    }
    if (current_.start_ns == begun_ns)
      truth_.push_back({current_.start_ns,
                        current_.end_ns,
                        "promotion",
                        {},
                        std::string{categories[current_.category].name},
                        discount,
                        {}});
    for (const auto& one : holidays_of(year_of(begun)))
      if (one.day == begun)
        truth_.push_back(
          {begun_ns, begun_ns + day_ns, "holiday", {}, {}, 0.0, std::string{one.name}});
  }
}

sim_event store_simulator::purchase(std::size_t index, std::int64_t time_ns) {
  auto& x = customers_[index];
  const auto* promoted = promotion_at(time_ns);
  std::size_t category = 0;
  auto drawn = x.random.uniform();
  auto to_promoted = x.random.uniform() < 0.5;
  while (category + 1 < store_category_count && drawn >= categories[category].share) {
    drawn -= categories[category].share;
    ++category;
  }
  if (promoted != nullptr && to_promoted)
    category = promoted->category;
  auto amount = categories[category].median * std::exp(0.5 * x.random.normal());
  if (x.segment == customer_segment::bargain_hunter)
    amount *= 0.8;
  if (promoted != nullptr && promoted->category == category)
    amount *= 1.0 - discount;
  amount = std::max(0.01, std::round(amount * 100.0) / 100.0);
  return {time_ns, amount,
          static_cast<std::uint32_t>(index * store_category_count + category),
          ++last_id_};
}

std::vector<sim_event> store_simulator::step(std::int64_t time_ns) {
  std::vector<sim_event> result;
  if (time_ns < last_ns_)
    return result;
  while (!arrivals_.empty() && arrivals_.front().time_ns <= time_ns) {
    std::pop_heap(arrivals_.begin(), arrivals_.end(), std::greater<>{});
    auto now = arrivals_.back();
    arrivals_.pop_back();
    advance_calendar(now.time_ns);
    auto& x = customers_[now.customer];
    if (x.segment == customer_segment::one_off) {
      result.push_back(purchase(now.customer, now.time_ns));
      continue;
    }
    if (x.random.uniform() < acceptance(x, now.time_ns))
      result.push_back(purchase(now.customer, now.time_ns));
    schedule(now.customer, now.time_ns);
  }
  advance_calendar(time_ns);
  last_ns_ = time_ns;
  return result;
}

std::vector<sim_truth> store_simulator::take_truth() {
  return std::exchange(truth_, {});
}

} // namespace weir::analytics::simulation
