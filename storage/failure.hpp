// INTERNAL: how an error travels inside storage/. The adapter's functions
// throw, so that a transaction of many steps reads as its steps; the public
// functions of outbox and store turn it into `expected` at the border
// (guarded()).
#pragma once

#include "storage/errors.hpp"

#include <exception>
#include <string>
#include <utility>

namespace weir::storage {

struct failure : std::exception {
  explicit failure(error e) : what_happened(std::move(e)) {
  }
  failure(errc code, std::string message) : what_happened{code, std::move(message)} {
  }
  const char* what() const noexcept override {
    return what_happened.message.c_str();
  }

  error what_happened;
};

/// Runs `fun`; what it throws comes back as an error.
template <class Fun>
auto guarded(Fun&& fun) -> expected<decltype(fun()), error> {
  try {
    if constexpr (std::is_void_v<decltype(fun())>) {
      fun();
      return {};
    } else {
      return fun();
    }
  } catch (const failure& x) {
    return unexpected(error{x.what_happened});
  } catch (const std::exception& x) { // No memory, or the file system library.
    return unexpected(error{errc::io, x.what()});
  }
}

} // namespace weir::storage
