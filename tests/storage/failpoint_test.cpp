// FAILPOINTS: a process dies at the pass it was told to, and at no other.
#include "storage/failpoint.hpp"

#include <catch2/catch.hpp>

#include <sys/wait.h>
#include <unistd.h>

#include <set>

using namespace weir::storage;

namespace {

/// The exit code of a child that passes "journal.append.after" `passes` times.
int exit_code_of(std::string_view setting, int passes) {
  auto child = ::fork();
  if (child == 0) {
    if (!set_failpoint(setting))
      ::_exit(1);
    for (int i = 0; i < passes; ++i) {
      failpoint("journal.append.before");
      failpoint("journal.append.after");
    }
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

} // namespace

TEST_CASE("a process ends at the n-th pass of its failpoint", "[failpoint]") {
  CHECK(exit_code_of("journal.append.after:3", 2) == 0);
  CHECK(exit_code_of("journal.append.after:3", 3) == failpoint_exit_code);
  CHECK(exit_code_of("journal.append.after:1", 1) == failpoint_exit_code);
  CHECK(exit_code_of("journal.sync.before:1", 5) == 0);
  CHECK(exit_code_of("", 5) == 0);
}

TEST_CASE("a failpoint that does not exist is refused", "[failpoint]") {
  for (const auto* wrong :
       {"journal.append", "journal.append.after",
        "journal.append.after:", "journal.append.after:0", "journal.append.after:-1",
        "journal.append.after:1x", "nothing:1", ":1", ":"}) {
    CAPTURE(wrong);
    CHECK_FALSE(set_failpoint(wrong));
  }
  CHECK(set_failpoint(""));
}

TEST_CASE("names of failpoints are different and in one form", "[failpoint]") {
  std::set<std::string_view> names(failpoint_names.begin(), failpoint_names.end());
  CHECK(names.size() == failpoint_names.size());
  for (auto name : failpoint_names) {
    CAPTURE(name);
    CHECK((name.ends_with(".before") || name.ends_with(".after")));
  }
}
