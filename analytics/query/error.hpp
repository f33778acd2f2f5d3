// What can go wrong with a query, from its text to its answer.
#pragma once

#include "analytics/expected.hpp"

#include <cstddef>
#include <cstdint>
#include <string>

namespace weir::analytics::query {

enum class query_errc : std::uint8_t {
  syntax,    ///< The text is no query; `column` says where.
  limit,     ///< It would need more series, samples or points than are allowed.
  execution, ///< The data do not allow it, such as two series with the same labels.
  source,    ///< The source of the data failed; its own sentence is in `message`.
  cancelled, ///< The caller's `should_stop` said so.
};

struct query_error {
  query_errc code = query_errc::execution;
  std::string message;    ///< One sentence for the person who wrote the query.
  std::size_t column = 0; ///< In characters from 1; 0 where no place is to blame.

  bool operator==(const query_error&) const = default;
};

template <class T>
using result = expected<T, query_error>;

} // namespace weir::analytics::query
