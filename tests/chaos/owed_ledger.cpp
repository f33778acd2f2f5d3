#include "tests/chaos/owed_ledger.hpp"

#include <cstdio>
#include <stdexcept>

#include <fcntl.h>
#include <unistd.h>

namespace weir::chaos {

worker_ledger::worker_ledger(const std::filesystem::path& file)
  : fd_(::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)) {
  if (fd_ < 0)
    throw std::runtime_error("cannot write the ledger " + file.string());
}

worker_ledger::~worker_ledger() {
  ::close(fd_);
}

void worker_ledger::sending(std::uint64_t first, std::uint64_t last) {
  if (state_.size() < last)
    state_.resize(last, debt::none);
  for (auto k = first; k < last; ++k)
    if (state_[k] == debt::none)
      state_[k] = debt::sent;
  write('s', first, last);
}

void worker_ledger::acknowledged(std::uint64_t first, std::uint64_t last) {
  for (auto k = first; k < last; ++k)
    state_[k] = debt::owed;
  write('a', first, last);
}

void worker_ledger::write(char kind, std::uint64_t first, std::uint64_t last) const {
  char line[64];
  auto size = std::snprintf(line, sizeof line, "%c %llu %llu\n", kind,
                            static_cast<unsigned long long>(first),
                            static_cast<unsigned long long>(last));
  if (::write(fd_, line, static_cast<std::size_t>(size)) != size)
    throw std::runtime_error("the ledger cannot be written");
}

} // namespace weir::chaos
