#include "tests/bench/storage_edge.hpp"

#include "tests/bench/measure.hpp"

#include <algorithm>
#include <fstream>
#include <random>

#include <sys/resource.h>

namespace weir::bench {

using transport::uplink_entry;

namespace {

transport::uplink_session_config session_config(const edge_ends& ends,
                                                std::uint64_t number) {
  transport::uplink_session_config result; // Else as an edge has it by default.
  result.peer = ends.endpoint;
  result.epoch = std::random_device{}() + (number << 32) + 1;
  result.run = 1;
  result.seed = number;
  result.backoff_max = ends.backoff_max;
  return result;
}

void allow_many_files() {
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);
}

} // namespace

simulated_edge::simulated_edge(const edge_ends& ends, zmq::context_t& context,
                               std::span<const uplink_entry> entries,
                               std::uint64_t number)
  : all_(entries), shown_(entries), keys_(transport::make_curve_keys()),
    link_({.endpoint = ends.endpoint,
           .keys = {ends.server_key, keys_},
           .message_bytes_max = 2 << 20,
           .context = &context}),
    session_(session_config(ends, number),
             {[this](auto after, auto size) { return read_after(after, size); },
              [] { return transport::edge_status{.version = "bench"}; },
              [this] { return shown_.empty() ? 1 : shown_.back().last_seq() + 1; }}) {
}

void simulated_edge::start() {
  session_.start(clock::now());
  act();
}

void simulated_edge::show(std::size_t count) {
  count = std::min(count, all_.size());
  auto is_more = count > shown_.size();
  shown_ = all_.first(count);
  if (is_more) {
    session_.new_data(clock::now());
    act();
  }
}

bool simulated_edge::work() {
  auto came = false;
  if (clock::now() >= session_.next_tick())
    session_.tick(clock::now());
  act();
  while (link_.is_open()) {
    auto change = link_.next_change();
    if (!change)
      break;
    came = true;
    if (change->up)
      session_.connected(clock::now());
    else
      session_.lost(clock::now(), change->why, change->refused);
    act();
  }
  zmq::message_t frame;
  while (link_.is_open() && transport::try_receive(link_.socket(), frame)) {
    came = true;
    transport::drop_rest(link_.socket(), frame);
    if (auto message = transport::decode_uplink(frame.to_string_view()))
      session_.received(clock::now(), *message);
    else
      session_.received_unreadable(clock::now(), message.error().message);
    act();
  }
  return came;
}

std::vector<uplink_entry> simulated_edge::read_after(std::uint64_t after,
                                                     std::size_t size) const {
  std::vector<uplink_entry> result;
  std::size_t bytes = 0;
  auto first = std::upper_bound(
    shown_.begin(), shown_.end(), after,
    [](std::uint64_t seq, const uplink_entry& x) { return seq < x.first_seq; });
  for (auto x = first; x != shown_.end(); ++x) {
    bytes += x->bytes.size();
    if (!result.empty() && bytes > size)
      break;
    result.push_back(*x);
  }
  return result;
}

void simulated_edge::act() {
  for (auto actions = session_.take_actions(); !actions.empty();
       actions = session_.take_actions())
    for (auto& one : actions)
      std::visit([this](auto& x) { perform(x); }, one);
}

void simulated_edge::perform(transport::open_link&) {
  ++attempts_;
  if (auto opened = link_.open(); !opened)
    session_.lost(clock::now(), opened.error().message, false);
}

void simulated_edge::perform(transport::close_link&) {
  link_.close();
}

void simulated_edge::perform(transport::send_message& x) {
  if (!link_.is_open())
    return;
  auto bytes = transport::encode_uplink(x.message);
  if (zmq_send(link_.socket().handle(), bytes.data(), bytes.size(), ZMQ_DONTWAIT) < 0)
    session_.lost(clock::now(), "the link takes no more messages", false);
}

void write_allow_list(const std::vector<std::unique_ptr<simulated_edge>>& edges,
                      const std::filesystem::path& file) {
  allow_many_files();
  auto draft = std::filesystem::path{file.string() + ".new"};
  {
    std::ofstream out{draft};
    for (std::size_t i = 0; i < edges.size(); ++i)
      out << "[[uplink.edge]]\nname = \"edge-" << i << "\"\npublic_key = '"
          << edges[i]->public_key() << "'\n";
  }
  std::filesystem::rename(draft, file);
}

} // namespace weir::bench
