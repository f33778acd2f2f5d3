// The result type of every function that can fail for a reason outside the
// program: a value, or an error that names what, where, and what would be right.
#pragma once

#include <tl/expected.hpp>

#include <string>
#include <utility>

namespace weir {

template <class T, class E>
using expected = tl::expected<T, E>;

template <class E>
constexpr auto unexpected(E&& error) {
  return tl::make_unexpected(std::forward<E>(error));
}

/// A layer's error: a code to branch on, and a sentence for the person who must
/// act. Each layer has one `errc` enum and one alias of this struct.
template <class Code>
struct basic_error {
  Code code{};
  std::string message;
};

} // namespace weir
