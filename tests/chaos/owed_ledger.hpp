// What was sent and what is owed: written by the feeds before they send, on disk as
// well, so that a failed run can be looked at.
//
// A feed sends the events [first, last) of all devices of its worker in one message.
// An event is owed once its message was acknowledged: PUBACK or the ack of ZeroMQ. One
// that was sent only may be there once or not at all.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace weir::chaos {

enum class debt : std::uint8_t { none = 0, sent = 1, owed = 2 };

/// Of one worker. Written by its feed's thread; read by others after that has ended.
class worker_ledger {
public:
  explicit worker_ledger(const std::filesystem::path& file);
  ~worker_ledger();
  worker_ledger(const worker_ledger&) = delete;
  worker_ledger& operator=(const worker_ledger&) = delete;

  void sending(std::uint64_t first, std::uint64_t last);
  void acknowledged(std::uint64_t first, std::uint64_t last);

  debt of(std::uint64_t k) const {
    return k < state_.size() ? state_[k] : debt::none;
  }
  std::uint64_t end() const {
    return state_.size();
  }

private:
  void write(char kind, std::uint64_t first, std::uint64_t last) const;

  int fd_ = -1;
  std::vector<debt> state_; // By k.
};

} // namespace weir::chaos
