// Query strings and the numbers in them. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir::web {

/// `%41` to `A` and `+` to a space; nothing for a broken escape.
std::optional<std::string> percent_decode(std::string_view text);

/// The parameters of a query string, decoded, in order; at most 32. Nothing if
/// it is malformed or has more. A name that comes twice counts the first time.
class query_params {
public:
  static std::optional<query_params> parse(std::string_view query);

  /// Nothing if it is missing or empty.
  std::optional<std::string_view> find(std::string_view name) const;

  /// Whether it is there, be it empty.
  bool has(std::string_view name) const;

  /// All values of a name that may come more than once, in order.
  std::vector<std::string_view> all(std::string_view name) const;

private:
  std::vector<std::pair<std::string, std::string>> values_;
};

/// Decimal digits only, no sign, no overflow.
std::optional<std::uint64_t> parse_unsigned(std::string_view text);

/// Milliseconds with an optional sign and fraction ("1700000000123.25") to
/// nanoseconds, exactly; nothing outside the years 1678 to 2261.
std::optional<std::int64_t> parse_ms(std::string_view text);

/// The same for a number that came as a double; saturates.
std::int64_t ms_to_ns(double ms);

} // namespace weir::web
