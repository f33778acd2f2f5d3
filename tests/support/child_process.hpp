// A program that a test starts and always ends: by signal(), or in the
// destructor with SIGKILL. It dies with the test program, too.
#pragma once

#include "tests/support/wait_until.hpp"

#include <chrono>
#include <csignal>
#include <filesystem>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

namespace weir::test {

class child_process {
public:
  struct settings {
    std::vector<std::string> command;     ///< Absolute path, then the arguments.
    std::vector<std::string> environment; ///< "NAME=value", added to our own.
    std::filesystem::path output;         ///< stdout and stderr; empty: thrown away.
  };

  explicit child_process(settings what) {
    start(what);
  }

  child_process(std::vector<std::string> command, std::filesystem::path output = {}) {
    start({std::move(command), {}, std::move(output)});
  }

  child_process(child_process&& other) noexcept
    : pid_{std::exchange(other.pid_, -1)}, status_{other.status_} {
  }

  child_process& operator=(child_process&& other) noexcept {
    if (this != &other) {
      kill();
      pid_ = std::exchange(other.pid_, -1);
      status_ = other.status_;
    }
    return *this;
  }

  ~child_process() {
    kill();
  }

  pid_t pid() const {
    return pid_;
  }

  void signal(int number) {
    if (running())
      ::kill(pid_, number);
  }

  bool running() {
    return pid_ > 0 && !status_ && !reap(WNOHANG);
  }

  /// The exit code, or 128 + the signal that ended it; nothing if it still runs
  /// after `limit`.
  std::optional<int> wait(std::chrono::milliseconds limit = std::chrono::seconds{10}) {
    wait_until([this] { return !running(); }, limit);
    return status_;
  }

  /// SIGTERM, then what wait() says; SIGKILL if it does not listen.
  int stop(std::chrono::milliseconds limit = std::chrono::seconds{10}) {
    signal(SIGTERM);
    if (auto status = wait(limit))
      return *status;
    kill();
    return status_.value_or(-1);
  }

  /// SIGKILL, and waits for the end.
  void kill() {
    if (!running())
      return;
    ::kill(pid_, SIGKILL);
    reap(0);
  }

private:
  void start(const settings& what) {
    auto arguments = std::vector<char*>{};
    for (auto& x : what.command)
      arguments.push_back(const_cast<char*>(x.c_str()));
    arguments.push_back(nullptr);
    auto variables = std::vector<char*>{};
    for (auto& x : what.environment)
      variables.push_back(const_cast<char*>(x.c_str()));
    for (char** x = environ; *x != nullptr; ++x)
      variables.push_back(*x);
    variables.push_back(nullptr);
    auto output = what.output.empty() ? std::string{"/dev/null"} : what.output.string();
    auto parent = ::getpid();
    pid_ = ::fork();
    if (pid_ < 0)
      throw std::runtime_error("cannot fork for " + what.command.front());
    if (pid_ > 0)
      return;
    // Only async-signal-safe calls from here: the parent may have threads.
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent)
      ::_exit(126);
    auto fd = ::open(output.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    ::dup2(fd, STDOUT_FILENO);
    ::dup2(fd, STDERR_FILENO);
    ::execve(arguments[0], arguments.data(), variables.data());
    ::_exit(127);
  }

  bool reap(int flags) {
    auto raw = 0;
    if (::waitpid(pid_, &raw, flags) != pid_)
      return false;
    status_ = WIFSIGNALED(raw) ? 128 + WTERMSIG(raw) : WEXITSTATUS(raw);
    return true;
  }

  pid_t pid_ = -1;
  std::optional<int> status_;
};

} // namespace weir::test
