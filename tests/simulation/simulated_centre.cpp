#include "tests/simulation/simulated_centre.hpp"

#include <utility>

namespace weir::simulation {

namespace {

using transport::uplink_position;

constexpr std::size_t store_bytes_max = 256 << 20;
constexpr std::uint32_t heartbeat_ms = 30'000;

storage::range_fate fate_of(transport::entry_kind kind) {
  switch (kind) {
  case transport::entry_kind::records:
    return storage::range_fate::stored;
  case transport::entry_kind::expired:
    return storage::range_fate::expired;
  case transport::entry_kind::shed:
    break;
  }
  return storage::range_fate::shed;
}

} // namespace

simulated_centre::simulated_centre(virtual_time& time, std::filesystem::path directory,
                                   std::function<std::int64_t()> wall_ns,
                                   send_function send)
  : time_(time), base_(std::move(directory)), wall_ns_(std::move(wall_ns)),
    send_(std::move(send)) {
}

simulated_centre::~simulated_centre() {
  if (!running_)
    return;
  running_->is_ended = true;
  caf::anon_send_exit(running_->writer, caf::exit_reason::kill);
  time_.settle();
}

std::filesystem::path simulated_centre::directory() const {
  return base_ / ("life-" + std::to_string(kills_));
}

void simulated_centre::start() {
  auto x = std::make_unique<process>();
  storage::store_config config;
  config.directory = directory();
  config.size_bytes_max = store_bytes_max;
  std::filesystem::create_directories(base_);
  auto opened = storage::store::open(config, 0);
  if (!opened)
    throw std::runtime_error{opened.error().message};
  x->store = std::move(*opened);
  if (x->store->was_damaged())
    problems_.emplace_back("the store was damaged");
  x->writer = time_.sys.spawn(actors::store_writer, actors::store_writer_config{},
                              writer_parts(*x));
  running_ = std::move(x);
}

actors::store_writer_parts simulated_centre::writer_parts(process& of) {
  actors::store_writer_parts parts;
  parts.store = of.store.get();
  parts.fleet = &of.fleet;
  parts.counters = &of.counters;
  parts.acknowledge = [this, &of](const std::string& edge, std::uint64_t epoch,
                                  const storage::commit_outcome& at) {
    if (!of.is_ended)
      acknowledge(edge, epoch, at);
  };
  parts.resend = [this, &of](const std::string& edge, std::uint64_t epoch,
                             std::uint64_t from_seq, bool live_lane) {
    if (!of.is_ended)
      resend(edge, epoch, from_seq, live_lane);
  };
  parts.on_report = [this](const actors::commit_report_ptr& report) {
    for (const auto& x : report->violations)
      problems_.push_back("the ledger of " + x.edge + ": " + x.text);
    for (const auto& x : report->events)
      problems_.push_back(x.edge + " has begun another epoch");
  };
  parts.on_problem = [this](const std::string& problem) {
    problems_.push_back("the store cannot be written: " + problem);
  };
  parts.now_ns = wall_ns_;
  return parts;
}

void simulated_centre::kill() {
  auto left = directory();
  ++kills_;
  std::filesystem::copy(left, directory(), std::filesystem::copy_options::recursive);
  running_->is_ended = true;
  caf::anon_send_exit(running_->writer, caf::exit_reason::kill);
  time_.settle();
  duplicates_before_ += running_->counters.blocks_duplicate;
  running_.reset();
  std::filesystem::remove_all(left);
}

storage::store& simulated_centre::store() {
  return *running_->store;
}

std::uint64_t simulated_centre::duplicate_blocks() const {
  return duplicates_before_
         + (running_ ? running_->counters.blocks_duplicate.load() : 0);
}

transport::uplink_credit::time_point simulated_centre::steady_now() const {
  return transport::uplink_credit::time_point{std::chrono::nanoseconds{time_.now_ns()}};
}

// -- what edges say ----------------------------------------------------------------

void simulated_centre::receive(const std::string& edge, std::uint64_t connection,
                               const std::string& bytes) {
  if (!running_)
    return;
  auto message = transport::decode_uplink(bytes);
  if (!message) {
    problems_.push_back(edge
                        + " sent what nobody can read: " + message.error().message);
    return;
  }
  if (const auto* hello = std::get_if<transport::hello_message>(&*message)) {
    greet(edge, connection, *hello);
    return;
  }
  auto found = running_->sessions.find(edge);
  if (found == running_->sessions.end() || found->second.connection != connection) {
    // From before a restart of the centre, or of an older connection.
    if (found == running_->sessions.end())
      send_(edge, connection,
            transport::encode_uplink(transport::reject_message{
              transport::reject_code::out_of_order, "hello comes first"}));
    return;
  }
  auto& from = found->second;
  running_->credit.heard(from.credit, steady_now());
  if (auto* batch = std::get_if<transport::batch_message>(&*message)) {
    take(edge, from, *batch);
  } else if (const auto* status = std::get_if<transport::status_message>(&*message)) {
    running_->fleet.on_status(edge, status->status, wall_ns_());
    say(edge, from,
        transport::pong_message{wall_ns_(), status->status.time_ns,
                                running_->credit.grant(from.credit)});
  }
}

void simulated_centre::greet(const std::string& edge, std::uint64_t connection,
                             const transport::hello_message& hello) {
  auto& x = running_->sessions[edge];
  running_->credit.leave(x.credit);
  auto unanswered = x.epoch == hello.epoch ? std::move(x.unanswered)
                                           : transport::unanswered_batches{};
  x = session{connection, hello.epoch, {}, std::move(unanswered)};
  running_->credit.heard(x.credit, steady_now());
  transport::welcome_message welcome;
  welcome.epoch = hello.epoch;
  auto known = running_->store->position(edge, hello.epoch);
  if (!known)
    problems_.push_back("the position cannot be read: " + known.error().message);
  else if (*known)
    welcome.position = transport::merged(
      {(*known)->through_seq, (*known)->lane_first, (*known)->lane_through});
  caf::anon_send(running_->writer,
                 storage::edge_hello{edge, hello.epoch, hello.run, hello.next_seq,
                                     hello.unsent_seq});
  welcome.credit_bytes = running_->credit.grant(x.credit);
  welcome.server_time_ns = wall_ns_();
  welcome.heartbeat_ms = heartbeat_ms;
  say(edge, x, welcome);
}

void simulated_centre::take(const std::string& edge, session& from,
                            transport::batch_message& batch) {
  if (batch.epoch != from.epoch) {
    problems_.push_back(edge + " sent records of another epoch than its hello's");
    return;
  }
  std::size_t size = 0;
  for (const auto& entry : batch.entries)
    size += transport::window_cost(entry);
  if (!from.unanswered.take(batch.entries.back().last_seq(), size, steady_now())) {
    problems_.push_back(edge + " sends more than its credit");
    return;
  }
  for (auto& x : batch.entries) {
    time_.note("entry", {x.first_seq, x.seq_span, x.record_count});
    caf::anon_send(running_->writer,
                   actors::received_block{edge, batch.epoch, x.run, x.first_seq,
                                          x.seq_span, x.record_count, batch.live_lane,
                                          fate_of(x.kind), std::move(x.bytes)});
  }
}

// -- what edges hear -----------------------------------------------------------------

void simulated_centre::acknowledge(const std::string& edge, std::uint64_t epoch,
                                   const storage::commit_outcome& at) {
  auto found = running_->sessions.find(edge);
  if (found == running_->sessions.end() || found->second.epoch != epoch)
    return;
  auto& x = found->second;
  auto position = transport::merged(
    uplink_position{at.through_seq, at.lane_first, at.lane_through});
  x.unanswered.acknowledged(position);
  say(edge, x,
      transport::ack_message{epoch, position, running_->credit.grant(x.credit)});
}

void simulated_centre::resend(const std::string& edge, std::uint64_t epoch,
                              std::uint64_t from_seq, bool live_lane) {
  auto found = running_->sessions.find(edge);
  if (found == running_->sessions.end() || found->second.epoch != epoch)
    return;
  found->second.unanswered.asked_again(from_seq);
  say(edge, found->second, transport::resend_message{epoch, from_seq, live_lane});
}

void simulated_centre::say(const std::string& edge, const session& to,
                           const transport::uplink_message& message) {
  send_(edge, to.connection, transport::encode_uplink(message));
}

} // namespace weir::simulation
