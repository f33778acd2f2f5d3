// The part of an EDGE NODE that starts and stops its sources.
#include "actors/edge_node_impl.hpp"

#include "actors/log.hpp"

#include <caf/send.hpp>

#include <thread>
#include <utility>

namespace weir::actors {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

std::shared_ptr<event_port> edge_node::impl::make_port(const std::string& name,
                                                       transport::time_unit unit,
                                                       bool sheds) {
  auto port_config = config.ingest;
  port_config.source = name;
  port_config.unit = unit;
  port_config.clock = config.clock;
  port_config.sheds = sheds;
  ingest_context context;
  context.series = &series;
  context.rejected = &rejected;
  context.now_ns = wall_clock_ns;
  context.steady_ns = steady_now_ns;
  context.gate = gate.get();
  ports.push_back(
    std::make_shared<event_port>(std::move(port_config), std::move(context)));
  return ports.back();
}

std::string edge_node::impl::start_mqtt(const mqtt_source_config& source) {
  auto port = make_port(source.name, source.unit, source.sheds);
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
  auto port = make_port(source.name, source.unit, source.sheds);
  auto settings = source.zmq;
  settings.receive_hwm = std::min(settings.receive_hwm, budget.receive_messages_max);
  auto ingest = std::make_unique<transport::zmq_ingest>(
    std::move(settings),
    transport::zmq_handlers{
      [port, unit = source.unit](std::string_view client, std::string_view payload) {
        transport::decode_context context;
        context.unit = unit;
        port->gather(client, payload, context);
      },
      [port] { return port->flush(); }},
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
      host_source, config.host,
      make_port("host", transport::time_unit::automatic, true));
  }
  return {};
}

void edge_node::impl::stop_sources(steady_clock::time_point until) {
  if (host)
    caf::anon_send_exit(host, caf::exit_reason::user_shutdown);
  caf::anon_send_exit(forwarder, caf::exit_reason::user_shutdown);
  // A source may wait for room that never comes (disk full): after half of the time
  // the gate is closed, and what the source holds goes into the journal alone, for the
  // next start. Without a journal it stays with its sender.
  auto closer = std::thread{[this, until] {
    auto half = steady_clock::now() + left_until(until) / 2;
    std::unique_lock lock{closer_mutex};
    if (!closer_wake.wait_until(lock, half, [this] { return sources_done; }))
      gate->close();
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

} // namespace weir::actors
