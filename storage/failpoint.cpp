#include "storage/failpoint.hpp"

#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include <unistd.h>

namespace weir::storage {

namespace detail {

std::atomic<bool> failpoint_is_set = false;

namespace {

std::atomic<std::size_t> index_set = 0;
std::atomic<std::int64_t> passes_left = 0;

/// Said on stderr and not ignored: a test with a wrong name would never fail.
[[maybe_unused]] const bool environment_was_read = [] {
  const char* text = std::getenv("WEIR_FAILPOINT");
  if (text != nullptr && !set_failpoint(text)) {
    std::fprintf(stderr,
                 "WEIR_FAILPOINT=%s: is not \"name:n\" with a name of "
                 "storage/failpoint.hpp and n from 1\n",
                 text);
    ::_exit(2);
  }
  return true;
}();

} // namespace

void pass_failpoint(std::size_t index) {
  if (index == index_set && --passes_left == 0)
    ::_exit(failpoint_exit_code);
}

} // namespace detail

bool set_failpoint(std::string_view name_and_pass) {
  detail::failpoint_is_set = false;
  if (name_and_pass.empty())
    return true;
  auto colon = name_and_pass.find(':');
  if (colon == std::string_view::npos)
    return false;
  auto name = name_and_pass.substr(0, colon);
  auto digits = name_and_pass.substr(colon + 1);
  std::int64_t pass = 0;
  auto [end, error]
    = std::from_chars(digits.data(), digits.data() + digits.size(), pass);
  const auto* found = std::ranges::find(failpoint_names, name);
  if (error != std::errc{} || end != digits.data() + digits.size() || pass < 1
      || found == failpoint_names.end())
    return false;
  detail::index_set = static_cast<std::size_t>(found - failpoint_names.begin());
  detail::passes_left = pass;
  detail::failpoint_is_set = true;
  return true;
}

} // namespace weir::storage
