#include "actors/central_node.hpp"

#include "actors/alert_client.hpp"
#include "actors/log.hpp"
#include "actors/process_info.hpp"
#include "actors/system.hpp"

#include <caf/actor_system.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/send.hpp>

#include <algorithm>
#include <mutex>
#include <utility>

namespace weir::actors {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

namespace {

/// Looked at when the centre starts, for its own ones.
constexpr std::size_t open_alerts_max = 10'000;

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

struct central_node::impl {
  explicit impl(central_node_config x) : config(std::move(x)), system(1) {
  }

  central_node_config config;
  std::unique_ptr<storage::store> store;
  fleet_board fleet;
  central_counters counters;
  import_desk imports;
  std::unique_ptr<transport::mqtt_client> alert_client;
  std::unique_ptr<transport::uplink_server> uplink;

  std::mutex live_mutex;
  std::function<void(commit_report_ptr)> live;
  alert_manager_actor manager_for_reports; // Set before anything comes in.
  std::string problem;                     // Of the writer; guarded by live_mutex.

  actor_runtime system;
  store_writer_actor writer;
  alert_manager_actor manager;
  bool stopped = false;

  std::string start_alert_output();
  void start_actors();
  void on_report(commit_report_ptr report);
  void set_problem(const std::string& text);
  transport::uplink_server_callbacks make_callbacks();
};

std::string central_node::impl::start_alert_output() {
  if (!config.alerts.enabled)
    return {};
  auto client = start_alert_client(config.alerts.mqtt);
  if (!client)
    return client.error();
  alert_client = std::move(*client);
  return {};
}

void central_node::impl::on_report(commit_report_ptr report) {
  if (!report->alerts.empty() || !report->events.empty() || !report->violations.empty())
    caf::anon_send(manager_for_reports, report);
  std::lock_guard lock{live_mutex};
  if (live)
    live(std::move(report));
}

void central_node::impl::set_problem(const std::string& text) {
  {
    std::lock_guard lock{live_mutex};
    problem = text;
  }
  if (!text.empty())
    imports.fail_all("the store cannot be written: " + text);
  // Without credit edges keep their records and do not send them again and again.
  if (uplink)
    uplink->set_credit_total(text.empty() ? config.uplink.credit_bytes_total : 0);
  if (text.empty())
    log_info("the store takes records again");
  else
    log_error("the store cannot be written: {}. Edges keep their records until "
              "it can.",
              text);
}

void central_node::impl::start_actors() {
  auto& sys = system.get();
  store_writer_parts parts;
  parts.store = store.get();
  parts.fleet = &fleet;
  parts.counters = &counters;
  parts.acknowledge = [this](const std::string& edge, std::uint64_t epoch,
                             const storage::commit_outcome& at) {
    if (edge == import_edge)
      imports.acknowledge(epoch, at.through_seq);
    uplink->acknowledge(edge, epoch, {at.through_seq, at.lane_first, at.lane_through});
  };
  parts.resend = [this](const std::string& edge, std::uint64_t epoch,
                        std::uint64_t from_seq, bool live_lane) {
    if (edge == import_edge)
      imports.refuse(epoch, from_seq - 1);
    uplink->resend(edge, epoch, from_seq, live_lane);
  };
  parts.on_report = [this](commit_report_ptr x) { on_report(std::move(x)); };
  parts.on_problem = [this](const std::string& x) { set_problem(x); };
  parts.now_ns = wall_clock_ns;
  writer = sys.spawn<caf::detached>(store_writer, config.writer, std::move(parts));
  alert_manager_parts manager_parts;
  manager_parts.fleet = &fleet;
  manager_parts.counters = &counters;
  manager_parts.now_ns = wall_clock_ns;
  if (auto open = store->alerts(true, open_alerts_max))
    manager_parts.open = std::move(*open);
  if (alert_client)
    manager_parts.publish = [this](std::string topic, std::string payload) {
      return alert_client->publish(std::move(topic), std::move(payload), 1, false)
        .has_value();
    };
  manager
    = sys.spawn(alert_manager, config.alerts.manager, std::move(manager_parts), writer);
  manager_for_reports = manager;
}

transport::uplink_server_callbacks central_node::impl::make_callbacks() {
  transport::uplink_server_callbacks callbacks;
  callbacks.on_hello
    = [this](const std::string& edge,
             const transport::uplink_greeting& hello) -> transport::uplink_position {
    transport::uplink_position result;
    if (auto known = store->position(edge, hello.epoch); known && *known)
      result = {(*known)->through_seq, (*known)->lane_first, (*known)->lane_through};
    caf::anon_send(writer, storage::edge_hello{edge, hello.epoch, hello.run,
                                               hello.next_seq, hello.unsent_seq});
    log_info("edge {} is connected: epoch {:016x}, run {}, continues after record {}",
             edge, hello.epoch, hello.run, result.through_seq);
    return result;
  };
  callbacks.on_batch
    = [this](const std::string& edge, std::uint64_t epoch, bool live_lane,
             std::vector<transport::uplink_entry> entries) {
        for (auto& x : entries)
          caf::anon_send(writer, received_block{edge, epoch, x.run, x.first_seq,
                                                x.seq_span, x.record_count, live_lane,
                                                fate_of(x.kind), std::move(x.bytes)});
      };
  callbacks.on_status
    = [this](const std::string& edge, const transport::edge_status& status) {
        fleet.on_status(edge, status, wall_clock_ns());
      };
  callbacks.on_error = [this](const std::string& edge, const transport::error& why) {
    // The first of a kind is worth a line, a flood is not.
    if (counters.uplink_errors++ % 1000 == 0)
      log_warn("uplink: {}{}{} ({} such so far)", edge, edge.empty() ? "" : ": ",
               why.message, counters.uplink_errors.load());
  };
  return callbacks;
}

expected<std::unique_ptr<central_node>, std::string>
central_node::start(central_node_config config) {
  auto state = std::make_unique<impl>(std::move(config));
  auto opened = storage::store::open(state->config.store, wall_clock_ns());
  if (!opened)
    return unexpected(std::move(opened.error().message));
  state->store = std::move(*opened);
  if (state->store->was_damaged())
    log_error("the store in {} was damaged: it has been set aside beside it, "
              "and a new one was made",
              state->config.store.directory.string());
  for (const auto& edge : state->config.uplink.keys.allowed)
    state->fleet.expect_edge(edge.name);
  if (auto kept = state->store->counters())
    for (const auto& x : *kept)
      state->fleet.remember(x);
  if (auto problem = state->start_alert_output(); !problem.empty())
    return unexpected(std::move(problem));
  state->uplink = std::make_unique<transport::uplink_server>(state->config.uplink,
                                                             state->make_callbacks());
  state->start_actors();
  return std::unique_ptr<central_node>{new central_node{std::move(state)}};
}

central_node::central_node(std::unique_ptr<impl> state) : impl_(std::move(state)) {
}

central_node::~central_node() {
  stop(milliseconds{3000});
}

expected<std::string, std::string>
central_node::open_uplink(std::function<void(commit_report_ptr)> live) {
  {
    std::lock_guard lock{impl_->live_mutex};
    impl_->live = std::move(live);
  }
  if (!impl_->config.uplink.keys.encrypted())
    log_warn("the uplink has no CURVE keys (uplink.secret_key_file): any program on "
             "this machine may pose as an edge");
  auto endpoint = impl_->uplink->start();
  if (!endpoint)
    return unexpected("uplink: " + endpoint.error().message);
  return *endpoint;
}

void central_node::import_block(std::uint64_t epoch, std::uint64_t first_seq,
                                std::string bytes, import_callback done) {
  auto block = to_import_block(epoch, first_seq, std::move(bytes));
  if (!block)
    return done({import_result::malformed, 0, block.error()});
  auto last_seq = block->first_seq + block->seq_span - 1;
  // Noted first: a problem that comes from now on tells all who are noted.
  auto& x = *impl_;
  if (!x.imports.wait(epoch, last_seq, done))
    return done({import_result::busy, 0, "too many blocks wait to be stored"});
  std::string problem;
  {
    std::lock_guard lock{x.live_mutex};
    problem = x.problem;
  }
  if (!problem.empty())
    return x.imports.fail_all("the store cannot be written: " + problem);
  caf::anon_send(x.writer, std::move(*block));
}

storage::store& central_node::store() {
  return *impl_->store;
}

fleet_board& central_node::fleet() {
  return impl_->fleet;
}

const central_counters& central_node::counters() const {
  return impl_->counters;
}

std::pair<bool, std::string> central_node::writer_health() const {
  std::string problem;
  {
    std::lock_guard lock{impl_->live_mutex};
    problem = impl_->problem;
  }
  if (!problem.empty())
    return {false, problem};
  auto oldest_ns = impl_->counters.oldest_waiting_ns.load();
  auto waits_s = static_cast<double>(wall_clock_ns() - oldest_ns) / 1e9;
  if (oldest_ns != 0 && waits_s > 5.0)
    return {false, fmt::format("blocks wait for {:.1f} s to be stored", waits_s)};
  auto last_ns = impl_->counters.last_commit_ns.load();
  if (last_ns == 0)
    return {true, "no block has come yet"};
  return {true, fmt::format("last commit {:.1f} s ago",
                            static_cast<double>(wall_clock_ns() - last_ns) / 1e9)};
}

std::string central_node::stop(milliseconds deadline) {
  auto& x = *impl_;
  if (std::exchange(x.stopped, true))
    return {};
  auto until = steady_clock::now() + deadline;
  // What the writer still stores is acknowledged to edges that still listen; those
  // that do not will send it again and be told that it is known.
  std::string problem;
  {
    caf::scoped_actor self{x.system.get(), true};
    self->request(x.writer, deadline / 2, finish_v)
      .receive([&](outcome& result) { problem = result.error; },
               [&](caf::error& err) {
                 problem = "the store was not written in time ("
                           + x.system.get().render(err) + ")";
               });
  }
  x.uplink->stop();
  x.imports.fail_all("the centre stops");
  {
    std::lock_guard lock{x.live_mutex};
    x.live = nullptr;
  }
  caf::anon_send_exit(x.manager, caf::exit_reason::user_shutdown);
  caf::anon_send_exit(x.writer, caf::exit_reason::user_shutdown);
  if (x.alert_client)
    x.alert_client->stop(std::max(
      milliseconds{0},
      std::chrono::duration_cast<milliseconds>(until - steady_clock::now()) / 2));
  return problem;
}

} // namespace weir::actors
