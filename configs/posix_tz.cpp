#include "configs/posix_tz.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <utility>

namespace weir::configs {

namespace {

constexpr std::int64_t day_s = 24 * 3600;
constexpr std::int64_t ns_per_s = 1'000'000'000;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/// Reads the text from left to right; after the first failure all reads give nothing
/// of use, so that the caller asks once at the end.
class rule_reader {
public:
  explicit rule_reader(std::string_view text) : text_(text) {
  }

  bool at_end() const {
    return pos_ == text_.size();
  }
  bool failed() const {
    return failed_;
  }
  std::size_t pos() const {
    return pos_;
  }

  bool take(char wanted) {
    if (failed_ || at_end() || text_[pos_] != wanted)
      return false;
    ++pos_;
    return true;
  }

  void demand(char wanted) {
    if (!take(wanted))
      failed_ = true;
  }

  int number(int min, int max) {
    int result = 0;
    auto start = pos_;
    while (!at_end() && is_digit(text_[pos_]) && pos_ - start < 3)
      result = result * 10 + (text_[pos_++] - '0');
    if (pos_ == start || result < min || result > max)
      failed_ = true;
    return result;
  }

  /// `CET`, or `<+0530>` for names with other signs.
  void skip_name() {
    auto start = pos_;
    if (take('<')) {
      pos_ = std::min(text_.find('>', pos_), text_.size());
      demand('>');
      return;
    }
    while (!at_end() && is_letter(text_[pos_]))
      ++pos_;
    if (pos_ == start)
      failed_ = true;
  }

  /// [+-]h[hh][:mm[:ss]]
  std::int32_t time_s() {
    auto sign = take('-') ? -1 : 1;
    if (sign == 1)
      take('+');
    auto result = number(0, 167) * 3600;
    if (take(':'))
      result += number(0, 59) * 60;
    if (take(':'))
      result += number(0, 59);
    return sign * result;
  }

  yearly_change change() {
    yearly_change result;
    if (take('M')) {
      result.month = number(1, 12);
      demand('.');
      result.week = number(1, 5);
      demand('.');
      result.day = number(0, 6);
    } else if (take('J')) {
      result.kind = yearly_change::day_kind::julian;
      result.day = number(1, 365);
    } else {
      result.kind = yearly_change::day_kind::zero_based_day;
      result.day = number(0, 365);
    }
    if (take('/'))
      result.time_s = time_s();
    return result;
  }

private:
  std::string_view text_;
  std::size_t pos_ = 0;
  bool failed_ = false;
};

/// Days since 1970-01-01.
std::int64_t day_of(const yearly_change& change, int year_number) {
  using namespace std::chrono;
  year y{year_number};
  sys_days january_first{y / 1 / 1};
  sys_days result;
  if (change.kind == yearly_change::day_kind::zero_based_day) {
    result = january_first + days{change.day};
  } else if (change.kind == yearly_change::day_kind::julian) {
    auto is_behind_leap_day = y.is_leap() && change.day > 31 + 28;
    result = january_first + days{change.day - 1 + (is_behind_leap_day ? 1 : 0)};
  } else {
    weekday wanted{static_cast<unsigned>(change.day)};
    month m{static_cast<unsigned>(change.month)};
    result = change.week == 5
               ? sys_days{y / m / wanted[last]}
               : sys_days{y / m / wanted[static_cast<unsigned>(change.week)]};
  }
  return result.time_since_epoch().count();
}

std::int64_t instant_ns(const yearly_change& change, int year,
                        std::int32_t offset_before_s) {
  return (day_of(change, year) * day_s + change.time_s - offset_before_s) * ns_per_s;
}

int year_of(std::int64_t time_ns) {
  using namespace std::chrono;
  sys_days day = floor<days>(sys_time<nanoseconds>{nanoseconds{time_ns}});
  return int{year_month_day{day}.year()};
}

} // namespace

expected<posix_tz, std::string> parse_posix_tz(std::string_view text) {
  rule_reader in{text};
  posix_tz result;
  in.skip_name();
  result.offset_s = -in.time_s();
  if (!in.failed() && !in.at_end()) {
    posix_tz::summer summer;
    in.skip_name();
    summer.offset_s = result.offset_s + 3600;
    if (!in.take(',')) {
      summer.offset_s = -in.time_s();
      in.demand(',');
    }
    summer.from = in.change();
    in.demand(',');
    summer.to = in.change();
    result.summer_time = summer;
  }
  if (in.failed() || !in.at_end())
    return unexpected("the time zone rule \"" + std::string{text.substr(0, 100)}
                      + "\" is wrong at character " + std::to_string(in.pos() + 1)
                      + "; right would be, for example, CET-1CEST,M3.5.0,M10.5.0/3");
  return result;
}

void append_changes(std::vector<analytics::zone_transition>& out, const posix_tz& rule,
                    std::int64_t after_ns, int year_last) {
  std::vector<analytics::zone_transition> found;
  if (rule.summer_time) {
    const auto& summer = *rule.summer_time;
    // From the year before: a local new year may be the old year in UTC.
    for (auto year = year_of(after_ns) - 1; year <= year_last; ++year) {
      found.push_back({instant_ns(summer.from, year, rule.offset_s), summer.offset_s});
      found.push_back({instant_ns(summer.to, year, summer.offset_s), rule.offset_s});
    }
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const auto& a, const auto& b) { return a.from_ns < b.from_ns; });
  for (const auto& x : found)
    if (x.from_ns > after_ns)
      out.push_back(x);
}

} // namespace weir::configs
