// An edge without a node around it: its own key, uplink session and link, and an outbox
// that is a list in memory. A thousand of them fit into one thread.
#pragma once

#include "transport/uplink_session.hpp"
#include "transport/zmq_support.hpp"

#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace weir::bench {

struct edge_ends {
  std::string endpoint;   ///< Of the centre.
  std::string server_key; ///< Its public one.
  std::chrono::milliseconds backoff_max{10'000};
};

/// The session decides, this moves its bytes.
class simulated_edge {
public:
  /// `entries` outlive it. It has all of them, or as many as show() says.
  simulated_edge(const edge_ends& ends, zmq::context_t& context,
                 std::span<const transport::uplink_entry> entries,
                 std::uint64_t number);

  const std::string& public_key() const {
    return keys_.public_key;
  }
  std::size_t attempts() const {
    return attempts_;
  }

  void start();

  /// The first `count` entries are in the outbox from now on.
  void show(std::size_t count);

  /// Does what can be done without waiting; true if something came.
  bool work();

  /// The centre has everything.
  bool done() const {
    return session_.all_acknowledged();
  }
  /// The centre has all up to this number.
  std::uint64_t acked_seq() const {
    return session_.position().through_seq;
  }

private:
  std::vector<transport::uplink_entry> read_after(std::uint64_t after,
                                                  std::size_t size) const;
  void act();
  void perform(transport::open_link&);
  void perform(transport::close_link&);
  void perform(transport::send_message& x);
  template <class Report>
  void perform(Report&) { // Nobody reads them here.
  }

  std::span<const transport::uplink_entry> all_;
  std::span<const transport::uplink_entry> shown_;
  transport::curve_key_pair keys_;
  transport::dealer_connection link_;
  transport::uplink_session session_;
  std::size_t attempts_ = 0;
};

/// Names them edge-0, edge-1, ... in the TOML of the centre's allow-list; raises the
/// limit of open files, too.
void write_allow_list(const std::vector<std::unique_ptr<simulated_edge>>& edges,
                      const std::filesystem::path& file);

} // namespace weir::bench
