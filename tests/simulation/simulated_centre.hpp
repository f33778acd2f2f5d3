// SIMULATED CENTRE: a real store and its writer, and the centre's side of the uplink as
// transport/uplink_server and actors/central_node have it, without sockets.
#pragma once

#include "actors/store_writer.hpp"
#include "tests/simulation/virtual_time.hpp"
#include "transport/uplink_credit.hpp"
#include "transport/uplink_messages.hpp"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace weir::simulation {

class simulated_centre {
public:
  using send_function = std::function<void(
    const std::string& edge, std::uint64_t connection, std::string bytes)>;

  simulated_centre(virtual_time& time, std::filesystem::path directory,
                   std::function<std::int64_t()> wall_ns, send_function send);
  ~simulated_centre();

  void start();

  /// As kill -9: what is on disk now is what the next start finds.
  void kill();
  bool is_running() const {
    return running_ != nullptr;
  }

  void receive(const std::string& edge, std::uint64_t connection,
               const std::string& bytes);

  /// @pre is_running()
  storage::store& store();

  std::uint64_t kills() const {
    return kills_;
  }
  std::uint64_t duplicate_blocks() const;
  const std::vector<std::string>& problems() const {
    return problems_;
  }

private:
  struct session {
    std::uint64_t connection = 0;
    std::uint64_t epoch = 0;
    transport::uplink_credit::account credit;
    transport::unanswered_batches unanswered;
  };

  /// What ends with the process.
  struct process {
    std::unique_ptr<storage::store> store;
    actors::fleet_board fleet;
    actors::central_counters counters;
    transport::uplink_credit credit{1 << 20};
    std::map<std::string, session> sessions; ///< By edge.
    actors::store_writer_actor writer;
    bool is_ended = false;
  };

  transport::uplink_credit::time_point steady_now() const;
  std::filesystem::path directory() const;
  actors::store_writer_parts writer_parts(process& of);
  void greet(const std::string& edge, std::uint64_t connection,
             const transport::hello_message& hello);
  void take(const std::string& edge, session& from, transport::batch_message& batch);
  void acknowledge(const std::string& edge, std::uint64_t epoch,
                   const storage::commit_outcome& at);
  void resend(const std::string& edge, std::uint64_t epoch, std::uint64_t from_seq,
              bool live_lane);
  void say(const std::string& edge, const session& to,
           const transport::uplink_message& message);

  virtual_time& time_;
  const std::filesystem::path base_;
  const std::function<std::int64_t()> wall_ns_;
  const send_function send_;
  std::unique_ptr<process> running_;
  std::uint64_t kills_ = 0;
  std::uint64_t duplicates_before_ = 0;
  std::vector<std::string> problems_;
};

} // namespace weir::simulation
