#include "actors/edge_node.hpp"

#include "actors/alert_client.hpp"
#include "actors/alert_publisher.hpp"
#include "actors/log.hpp"
#include "actors/process_info.hpp"
#include "actors/quarantine_forwarder.hpp"
#include "actors/system.hpp"
#include "analytics/byte_io.hpp"

#include <caf/actor_system.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/send.hpp>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <set>
#include <thread>
#include <utility>

namespace weir::actors {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

struct edge_node::impl {
  explicit impl(edge_node_config x)
    : config(std::move(x)), series(config.series_max, config.shards),
      system(config.shards) {
  }

  edge_node_config config;
  std::int64_t started_ns = wall_clock_ns();
  analytics::series_table series;
  quarantine rejected;
  std::unique_ptr<storage::outbox> outbox;
  std::unique_ptr<transport::uplink_client> uplink;
  std::unique_ptr<transport::mqtt_client> alert_client;
  std::shared_ptr<writer_backlog> backlog = std::make_shared<writer_backlog>();
  std::shared_ptr<routed_backlog> routed = std::make_shared<routed_backlog>();
  std::shared_ptr<std::vector<shard_actor>> peers
    = std::make_shared<std::vector<shard_actor>>();
  stream_program_ptr program;
  std::shared_ptr<alert_counters> alerts = std::make_shared<alert_counters>();
  std::vector<shard_parts> shards;
  std::vector<std::shared_ptr<event_port>> ports;

  actor_runtime system;
  outbox_writer_actor writer;
  alert_publisher_actor publisher;
  quarantine_forwarder_actor forwarder;
  host_source_actor host;
  std::vector<shard_actor> shard_actors;

  std::vector<std::unique_ptr<transport::mqtt_client>> mqtt_sources;
  std::vector<std::unique_ptr<transport::zmq_ingest>> zmq_sources;
  std::vector<transport::zmq_bound_endpoints> zmq_endpoints;
  bool stopped = false;

  // Of stop_sources().
  std::mutex closer_mutex;
  std::condition_variable closer_wake;
  bool sources_done = false;

  std::string open_outbox();
  std::string start_alert_output();
  void start_actors();
  void restore_state();
  void restore_shards(std::string_view saved);
  void make_uplink();
  std::string start_uplink();
  std::string start_sources();
  std::string start_mqtt(const mqtt_source_config& source);
  std::string start_zmq(const zmq_source_config& source);
  std::shared_ptr<event_port> make_port(const std::string& name,
                                        transport::time_unit unit);
  void stop_sources(steady_clock::time_point until);
  std::string save_everything(steady_clock::time_point until);
  std::vector<transport::uplink_block> read_outbox(std::uint64_t after_seq,
                                                   std::size_t size_bytes_max);
  transport::edge_status status() const;
};

namespace {

milliseconds left_until(steady_clock::time_point until) {
  auto left = std::chrono::duration_cast<milliseconds>(until - steady_clock::now());
  return std::max(left, milliseconds{0});
}

bool is_name(const std::string& text) {
  return !text.empty() && text.size() <= 64
         && text.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopq"
                                   "rstuvwxyz0123456789._-")
              == std::string::npos;
}

} // namespace

std::string validate(const edge_node_config& config) {
  if (!is_name(config.name))
    return "node.name must be 1 to 64 of A-Z a-z 0-9 . _ - but is \"" + config.name
           + "\"";
  if (config.shards > 64)
    return "node.shards must be at most 64";
  if (config.series_max == 0)
    return "ingest.series_max must be above 0";
  std::set<std::string> names;
  auto is_new = [&names](const auto& source) {
    return is_name(source.name) && names.insert(source.name).second;
  };
  if (!std::all_of(config.mqtt_sources.begin(), config.mqtt_sources.end(), is_new)
      || !std::all_of(config.zmq_sources.begin(), config.zmq_sources.end(), is_new))
    return "every source needs a name of its own (A-Z a-z 0-9 . _ -)";
  if (auto clock = analytics::validate(config.clock); !clock)
    return "clock: " + clock.error();
  if (auto program = analytics::stream_program::compile(config.stream); !program)
    return program.error().front();
  return {};
}

std::string edge_node::impl::open_outbox() {
  auto opened = storage::outbox::open(config.outbox, wall_clock_ns());
  if (!opened)
    return opened.error().message;
  outbox = std::move(*opened);
  if (outbox->was_damaged())
    log_error("the outbox in {} was damaged: it has been set aside beside it, "
              "and a new one was made. What it held is lost to the centre; "
              "keep the files if you want to recover it by hand.",
              config.outbox.directory.string());
  return {};
}

std::string edge_node::impl::start_alert_output() {
  if (!config.alerts.enabled)
    return {};
  auto client = start_alert_client(config.alerts.mqtt);
  if (!client)
    return client.error();
  alert_client = std::move(*client);
  return {};
}

void edge_node::impl::start_actors() {
  auto& sys = system.get();
  outbox_writer_parts writer_parts;
  writer_parts.outbox = outbox.get();
  writer_parts.series = &series;
  writer_parts.backlog = backlog;
  writer_parts.on_committed = [this] {
    if (uplink)
      uplink->notify();
  };
  writer_parts.on_problem = [](const std::string& problem) {
    if (problem.empty())
      log_info("the outbox takes records again");
    else
      log_error("the outbox cannot be written: {}. Sources wait until it can.",
                problem);
  };
  writer
    = sys.spawn<caf::detached>(outbox_writer, config.writer, std::move(writer_parts));
  if (alert_client) {
    alert_publisher_parts parts;
    parts.edge = config.name;
    parts.topic_pattern = config.alerts.topic;
    parts.series = &series;
    parts.counters = alerts;
    parts.publish = [this](std::string topic, std::string payload) {
      return alert_client->publish(std::move(topic), std::move(payload), 1, false)
        .has_value();
    };
    publisher = sys.spawn(alert_publisher, std::move(parts));
  }
  forwarder = sys.spawn(quarantine_forwarder, &rejected, writer);
  for (std::size_t i = 0; i < config.shards; ++i) {
    shard_parts parts;
    parts.core = std::make_shared<analytics::shard>(program, series, i);
    parts.routed = routed;
    parts.peers = peers;
    parts.series = &series;
    parts.rejected = &rejected;
    parts.wall_ns = [trusted_after_ns = config.clock.trusted_after_ns] {
      auto now_ns = wall_clock_ns();
      return now_ns < trusted_after_ns ? analytics::time_forever : now_ns;
    };
    parts.gauge = std::make_shared<shard_gauge>();
    parts.backlog = backlog;
    // The inbox asks an actor that is spawned with the inbox: by index.
    parts.inbox
      = std::make_shared<shard_inbox>(config.inbox, [this, i](shard_inbox::wake when) {
          if (when == shard_inbox::wake::now)
            caf::anon_send(shard_actors[i], drain_v);
          else
            caf::delayed_anon_send(shard_actors[i], config.linger, drain_v);
        });
    shards.push_back(parts);
  }
}

void edge_node::impl::restore_state() {
  auto saved = outbox->take_state();
  if (!saved) {
    log_error("the state saved at the last shutdown cannot be read: {}. "
              "Windows start anew.",
              saved.error().message);
  } else if (*saved) {
    restore_shards(**saved);
  }
  for (auto& parts : shards)
    shard_actors.push_back(system.get().spawn(shard_behavior, shard_actor_config{},
                                              parts, writer, publisher));
  *peers = shard_actors;
}

/// Gives every shard the saved state of every shard: each takes the series that are
/// its own, however many shards there were.
void edge_node::impl::restore_shards(std::string_view saved) {
  analytics::shard_output closed;
  analytics::shard::restore_report total;
  analytics::byte_reader in{saved};
  while (!in.at_end()) {
    auto bytes = in.get_bytes(in.get<std::uint64_t>());
    if (!in.ok()) {
      log_error("the end of the saved state is damaged: some series start anew");
      break;
    }
    for (auto& parts : shards) {
      auto report = parts.core->restore(bytes, {steady_now_ns()}, closed);
      if (!report) {
        log_error("the state of some series cannot be taken up, they start anew: {}",
                  report.error());
        break;
      }
      total.series += report->series;
      total.refused += report->refused;
      total.views.closed.insert(total.views.closed.end(), report->views.closed.begin(),
                                report->views.closed.end());
    }
  }
  if (closed.has_records())
    caf::anon_send(writer,
                   std::make_shared<const analytics::shard_output>(std::move(closed)));
  log_info("took up {} series from the last shutdown", total.series);
  if (total.refused > 0)
    log_error("{} saved series found no room: ingest.series_max is smaller now",
              total.refused);
  std::set<std::string> names{total.views.closed.begin(), total.views.closed.end()};
  for (const auto& x : names)
    log_warn("{} have another shape than at the last shutdown: what was open has been "
             "sent as it was",
             x);
}

std::vector<transport::uplink_block>
edge_node::impl::read_outbox(std::uint64_t after_seq, std::size_t size_bytes_max) {
  std::vector<transport::uplink_block> result;
  auto blocks = outbox->read_after(after_seq, size_bytes_max);
  if (!blocks) {
    log_error("the outbox cannot be read: {}", blocks.error().message);
    return result;
  }
  for (auto& x : *blocks)
    result.push_back({x.first_seq, x.record_count, std::move(x.bytes)});
  return result;
}

void edge_node::impl::make_uplink() {
  if (!config.uplink_enabled)
    return;
  transport::uplink_client_callbacks callbacks;
  callbacks.read_after = [this](std::uint64_t after_seq, std::size_t size) {
    return read_outbox(after_seq, size);
  };
  callbacks.on_ack = [this](std::uint64_t through_seq) {
    if (auto done = outbox->acknowledge(through_seq); !done)
      log_error("acknowledged records stay in the outbox: {}", done.error().message);
  };
  callbacks.next_seq = [this] { return outbox->stats().next_seq; };
  callbacks.status = [this] { return status(); };
  callbacks.on_state = [this](transport::link_state state, const std::string& why) {
    auto is_fine = state == transport::link_state::up
                   || state == transport::link_state::connecting;
    auto level = is_fine ? log_level::info : log_level::warn;
    log(level, "uplink to {} is {}: {}", config.uplink.endpoint,
        transport::to_string(state), why);
  };
  uplink = std::make_unique<transport::uplink_client>(
    config.uplink, outbox->epoch(), outbox->run(), std::move(callbacks));
}

std::string edge_node::impl::start_uplink() {
  if (!uplink)
    return {};
  if (auto started = uplink->start(); !started)
    return "uplink: " + started.error().message;
  return {};
}

std::shared_ptr<event_port> edge_node::impl::make_port(const std::string& name,
                                                       transport::time_unit unit) {
  auto port_config = config.ingest;
  port_config.source = name;
  port_config.unit = unit;
  port_config.clock = config.clock;
  port_config.held_events_max = config.held_events_max;
  ingest_context context;
  context.series = &series;
  context.rejected = &rejected;
  context.now_ns = wall_clock_ns;
  context.steady_ns = steady_now_ns;
  for (auto& x : shards)
    context.inboxes.push_back(x.inbox.get());
  ports.push_back(
    std::make_shared<event_port>(std::move(port_config), std::move(context)));
  return ports.back();
}

std::string edge_node::impl::start_mqtt(const mqtt_source_config& source) {
  auto port = make_port(source.name, source.unit);
  auto settings = source.mqtt;
  std::shared_ptr<transport::topic_template> pattern;
  if (!source.topic_template.empty()) {
    auto parsed = transport::topic_template::parse(source.topic_template);
    if (!parsed)
      return "source \"" + source.name + "\": " + parsed.error().message;
    pattern = std::make_shared<transport::topic_template>(std::move(*parsed));
    if (settings.topics.empty())
      settings.topics.push_back(pattern->filter());
  }
  transport::mqtt_callbacks callbacks;
  callbacks.on_message = [port, pattern](const transport::mqtt_message& x) {
    if (x.oversized)
      port->reject(x.topic, analytics::reject_reason::too_large,
                   "the payload is larger than the source's "
                   "payload_bytes_max",
                   {});
    else
      port->take_topic(x.topic, x.payload, pattern.get());
  };
  callbacks.on_state = [name = source.name](bool up, const std::string& why) {
    if (up)
      log_info("source {} is connected: {}", name, why);
    else
      log_warn("source {} is not connected: {}", name, why);
  };
  auto client = std::make_unique<transport::mqtt_client>(std::move(settings),
                                                         std::move(callbacks));
  auto started = client->start();
  if (!started)
    return "source \"" + source.name + "\": " + started.error().message;
  mqtt_sources.push_back(std::move(client));
  return {};
}

std::string edge_node::impl::start_zmq(const zmq_source_config& source) {
  auto port = make_port(source.name, source.unit);
  auto ingest = std::make_unique<transport::zmq_ingest>(
    source.zmq,
    [port, unit = source.unit](std::string_view client, std::string_view payload) {
      transport::decode_context context;
      context.unit = unit;
      port->take(client, payload, context);
    },
    [port](const transport::error& why) {
      auto reason = why.code == transport::errc::too_large
                      ? analytics::reject_reason::too_large
                      : analytics::reject_reason::malformed;
      port->reject({}, reason, why.message, {});
    });
  auto endpoints = ingest->start();
  if (!endpoints)
    return "source \"" + source.name + "\": " + endpoints.error().message;
  log_info("source {} listens on {} {}", source.name, endpoints->router,
           endpoints->pull);
  zmq_endpoints.push_back(*endpoints);
  zmq_sources.push_back(std::move(ingest));
  return {};
}

std::string edge_node::impl::start_sources() {
  for (const auto& source : config.zmq_sources)
    if (auto problem = start_zmq(source); !problem.empty())
      return problem;
  for (const auto& source : config.mqtt_sources)
    if (auto problem = start_mqtt(source); !problem.empty())
      return problem;
  if (config.host.enabled) {
    if (config.host.source.empty())
      config.host.source = config.name;
    host = system.get().spawn<caf::detached>(
      host_source, config.host, make_port("host", transport::time_unit::automatic));
  }
  return {};
}

expected<std::unique_ptr<edge_node>, std::string>
edge_node::start(edge_node_config config) {
  if (config.shards == 0)
    config.shards = std::clamp<std::size_t>(std::thread::hardware_concurrency(), 1, 8);
  if (auto problem = validate(config); !problem.empty())
    return unexpected(std::move(problem));
  auto program = analytics::stream_program::compile(config.stream);
  if (!program)
    return unexpected(program.error().front());
  auto state = std::make_unique<impl>(std::move(config));
  auto& x = *state;
  x.program = *program;
  if (auto problem = x.open_outbox(); !problem.empty())
    return unexpected(std::move(problem));
  if (auto problem = x.start_alert_output(); !problem.empty())
    return unexpected(std::move(problem));
  x.make_uplink(); // Made before the writer that notifies it, started last.
  x.start_actors();
  x.restore_state();
  std::unique_ptr<edge_node> node{new edge_node{std::move(state)}};
  auto problem = x.start_sources();
  if (problem.empty())
    problem = x.start_uplink();
  if (!problem.empty())
    return unexpected(std::move(problem)); // ~edge_node takes down what runs.
  return node;
}

edge_node::edge_node(std::unique_ptr<impl> state) : impl_(std::move(state)) {
}

edge_node::~edge_node() {
  stop(milliseconds{3000});
}

void edge_node::impl::stop_sources(steady_clock::time_point until) {
  if (host)
    caf::anon_send_exit(host, caf::exit_reason::user_shutdown);
  caf::anon_send_exit(forwarder, caf::exit_reason::user_shutdown);
  // A source may wait for room that never comes (disk full): after half of the time
  // the inboxes are closed, and what the source holds stays with its sender.
  auto closer = std::thread{[this, until] {
    auto half = steady_clock::now() + left_until(until) / 2;
    std::unique_lock lock{closer_mutex};
    if (!closer_wake.wait_until(lock, half, [this] { return sources_done; }))
      for (auto& x : shards)
        x.inbox->close();
  }};
  for (auto& x : zmq_sources)
    x->stop();
  for (auto& x : mqtt_sources)
    x->stop(std::min(left_until(until), milliseconds{500}));
  {
    std::lock_guard lock{closer_mutex};
    sources_done = true;
  }
  closer_wake.notify_all();
  closer.join();
}

std::string edge_node::impl::save_everything(steady_clock::time_point until) {
  caf::scoped_actor self{system.get(), true};
  node_snapshot snapshot;
  std::string problem;
  auto note_problem = [&](caf::error& err) {
    problem
      = "a shard did not give its state in time (" + system.get().render(err) + ")";
  };
  // First all take what waits, which may send events to other shards; then all save.
  for (auto& x : shard_actors)
    self->request(x, left_until(until) + milliseconds{1}, finish_v)
      .receive([](outcome&) {}, note_problem);
  for (auto& x : shard_actors)
    self->request(x, left_until(until) + milliseconds{1}, save_v)
      .receive(
        [&](shard_snapshot& saved) {
          analytics::byte_writer{snapshot.bytes}.put(
            static_cast<std::uint64_t>(saved.bytes.size()));
          snapshot.bytes += saved.bytes;
        },
        note_problem);
  self
    ->request(writer, left_until(until) + milliseconds{1}, finish_v,
              std::move(snapshot))
    .receive(
      [&](outcome& result) {
        if (!result.error.empty())
          problem = result.error;
      },
      [&](caf::error& err) {
        problem
          = "the outbox was not written in time (" + system.get().render(err) + ")";
      });
  return problem;
}

std::string edge_node::stop(milliseconds deadline) {
  auto& x = *impl_;
  if (std::exchange(x.stopped, true))
    return {};
  auto until = steady_clock::now() + deadline;
  x.stop_sources(until);
  auto problem = x.save_everything(until);
  if (x.uplink) {
    x.uplink->notify();
    x.uplink->stop(left_until(until) / 2);
  }
  if (x.alert_client)
    x.alert_client->stop(std::min(left_until(until), milliseconds{500}));
  for (auto& shard : x.shard_actors)
    caf::anon_send_exit(shard, caf::exit_reason::user_shutdown);
  if (x.publisher)
    caf::anon_send_exit(x.publisher, caf::exit_reason::user_shutdown);
  caf::anon_send_exit(x.writer, caf::exit_reason::user_shutdown);
  return problem;
}

expected<analytics::change_report, std::string>
edge_node::change_stream(analytics::stream_config stream) {
  auto program = analytics::stream_program::compile(std::move(stream));
  if (!program)
    return unexpected(program.error().front());
  auto& x = *impl_;
  analytics::change_report report;
  std::string problem;
  caf::scoped_actor self{x.system.get(), true};
  for (auto& shard : x.shard_actors)
    self->request(shard, std::chrono::seconds{30}, stream_program_ptr{*program})
      .receive([&](analytics::change_report& done) { report = std::move(done); },
               [&](caf::error& err) {
                 problem = "a shard did not change its configuration in time ("
                           + x.system.get().render(err) + ")";
               });
  if (!problem.empty())
    return unexpected(std::move(problem));
  return report;
}

transport::edge_status edge_node::impl::status() const {
  transport::edge_status result;
  result.version = config.version;
  result.epoch = outbox->epoch();
  result.run = outbox->run();
  result.time_ns = wall_clock_ns();
  result.started_ns = started_ns;
  for (const auto& port : ports) {
    const auto& counters = port->counters();
    result.events_total += counters.events.load(std::memory_order_relaxed);
    result.restamped_total += counters.restamped.load(std::memory_order_relaxed);
    result.held_events += counters.held.load(std::memory_order_relaxed);
    // Not the sum: every port sees the same jump of the one clock, those that are busy
    // at least.
    result.clock_jumps_total = std::max(
      result.clock_jumps_total, counters.clock_jumps.load(std::memory_order_relaxed));
  }
  for (const auto& x : shards) {
    auto shard_status = x.gauge->get();
    result.late_total += shard_status.late;
    result.series_open += shard_status.series_open;
    result.anomalies_total += shard_status.anomalies;
    result.alerts_firing += shard_status.alerts_open;
    result.revisions_total += shard_status.revisions;
    result.filtered_total
      += shard_status.filtered + shard_status.sampled_out + shard_status.unconverted;
    result.derived_total += shard_status.derived;
    result.evicted_total += shard_status.evicted;
    result.series_known += shard_status.series;
    result.state_bytes += shard_status.state_bytes;
  }
  result.rejected_by_reason.resize(analytics::reject_reason_count);
  for (const auto& [source, counted] : rejected.by_source()) {
    result.rejecting_sources.push_back(source);
    for (std::size_t i = 0; i < counted.size(); ++i) {
      result.rejected_by_source.push_back(counted[i]);
      result.rejected_by_reason[i] += counted[i];
      // Late events are valid ones; they have a total of their own.
      if (i != static_cast<std::size_t>(analytics::reject_reason::late))
        result.rejected_total += counted[i];
    }
  }
  auto stats = outbox->stats();
  result.outbox_records = stats.records;
  result.outbox_bytes = stats.size_bytes;
  result.expired_total = stats.expired_records;
  result.rss_bytes = process_rss_bytes();
  return result;
}

transport::edge_status edge_node::status() const {
  return impl_->status();
}

std::vector<transport::zmq_bound_endpoints> edge_node::zmq_endpoints() const {
  return impl_->zmq_endpoints;
}

} // namespace weir::actors
