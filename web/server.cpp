#include "web/server.hpp"

#include "web/access_control.hpp"
#include "web/api.hpp"
#include "web/beast_server.hpp"
#include "web/history_api.hpp"
#include "web/live_hub.hpp"
#include "web/live_inbox.hpp"
#include "web/prometheus_api.hpp"
#include "web/prometheus_values.hpp"
#include "web/query_queue.hpp"
#include "web/responses.hpp"
#include "web/snapshot.hpp"
#include "web/static_files.hpp"

#include <nlohmann/json.hpp>

#include <optional>
#include <unordered_map>
#include <utility>

namespace weir::web {

using nlohmann::json;
using std::chrono::milliseconds;

namespace {

constexpr std::size_t queries_max = 64;
// Of the query language: they may run for seconds.
constexpr std::size_t expressions_max = 32;
// Snapshots leave room in the queue for questions over HTTP.
constexpr std::size_t snapshots_waiting_max = 16;
constexpr int session_check_ticks = 15;
constexpr int totals_ticks = 10;

bool wants_json(const std::string& query) {
  return query == "format=json" || query.ends_with("&format=json")
         || query.starts_with("format=json&")
         || query.find("&format=json&") != query.npos;
}

http_response not_found(const route_match& match) {
  if (match.allow.empty())
    return error_response(404, "not_found", "There is nothing at this address.");
  auto result = error_response(405, "method_not_allowed",
                               "This address takes " + match.allow + ".");
  result.headers.emplace_back("Allow", match.allow);
  return result;
}

http_response busy() {
  auto result = error_response(503, "busy",
                               "Too many questions wait for the store; try "
                               "again in a second.");
  result.headers.emplace_back("Retry-After", "1");
  return result;
}

std::int64_t monotonic_ns() {
  using namespace std::chrono;
  return duration_cast<nanoseconds>(steady_clock::now().time_since_epoch()).count();
}

} // namespace

/// Everything but the two `any thread` parts (inbox, query queue) belongs to
/// the socket thread.
struct server::impl final : socket_handler, live_output {
  impl(server_config config_, server_services services_)
    : config(std::move(config_)), services(std::move(services_)),
      handlers(services, counters), queries(queries_max),
      prometheus({services.store, services.now_ns, monotonic_ns, config.version}),
      expressions(expressions_max),
      inbox(
        {}, [this](auto id) { return services.store.series(id); }, counters),
      hub({}, config.version, *this, counters) {
  }

  // socket_handler
  void on_request(http_request request,
                  std::function<void(http_response)> respond) override;
  std::optional<http_response> on_upgrade(const http_request& request) override;
  void on_open(socket_id id, const http_request& request) override;
  void on_message(socket_id id, bool text, std::string_view bytes) override;
  void on_sent(socket_id id, std::size_t size_bytes) override;
  void on_close(socket_id id) override;

  // live_output
  void send(socket_id to, ws_frame frame) override;
  void close(socket_id which, std::uint16_t code, std::string_view reason) override;

  /// Puts a query of Prometheus' clients into its queue.
  void evaluate(const route& route, http_request request,
                std::function<void(http_response)> respond);
  http_response answer_now(const route& route, const caller& who,
                           const http_request& request);
  http_response health() const;
  http_response ready() const;
  void on_flush();
  void on_tick();
  void check_sessions();
  void refresh_totals();
  void read_snapshots();

  server_config config;
  server_services services;
  web_counters counters;
  std::int64_t started_ns = 0;
  api handlers;
  query_queue queries;
  prometheus_api prometheus;
  /// A thread of its own, so that a long query holds up no chart.
  query_queue expressions;
  live_inbox inbox;
  live_hub hub;
  std::optional<access_control> access;
  std::unique_ptr<beast_server> sockets;
  /// Sockets that a session opened, to be closed when it ends.
  std::unordered_map<socket_id, digest> socket_sessions;
  store_totals totals;
  bool totals_reading = false;
  int totals_age = totals_ticks; // In ticks since it was asked for.
  int sessions_age = 0;
};

// -- HTTP --------------------------------------------------------------------

void server::impl::on_request(http_request request,
                              std::function<void(http_response)> respond) {
  auto match = match_route(request.method, request.path);
  if (match.found == nullptr)
    return respond(not_found(match));
  const auto& route = *match.found;
  auto who = access->admit(route, request, services.now_ns());
  if (!who)
    return respond(std::move(who.error()));
  if (!route.reads_store)
    return respond(answer_now(route, *who, request));
  if (is_for_prometheus(route, request))
    return evaluate(route, std::move(request), std::move(respond));
  bool posted = queries.try_post([this, &route, request = std::move(request), respond] {
    if (route.id == route_id::import_block)
      import_block(services, request, respond);
    else
      respond(handlers.answer(route, request));
  });
  if (!posted) {
    counters.queries_refused += 1;
    respond(busy());
  }
}

void server::impl::evaluate(const route& route, http_request request,
                            std::function<void(http_response)> respond) {
  bool posted = expressions.try_post(
    [this, &route, request = std::move(request), respond, arrived_ns = monotonic_ns()] {
      respond(prometheus.answer(route, request, arrived_ns));
    });
  if (!posted) {
    counters.queries_refused += 1;
    auto refusal = prometheus_error(
      503, "unavailable", "too many queries are waiting; try again in a second");
    refusal.headers.emplace_back("Retry-After", "1");
    respond(std::move(refusal));
  }
}

http_response server::impl::answer_now(const route& route, const caller& who,
                                       const http_request& request) {
  switch (route.id) {
  case route_id::health:
    return health();
  case route_id::ready:
    return ready();
  case route_id::asset:
    return serve_asset(*find_asset(request.path), request);
  case route_id::make_link:
    return access->make_link(services.now_ns());
  case route_id::login:
    return access->login(request, services.now_ns());
  case route_id::logout: {
    auto response = access->logout(who, request);
    check_sessions();
    return response;
  }
  case route_id::live: {
    auto response
      = error_response(426, "upgrade_required", "This address speaks WebSocket only.");
    response.headers.emplace_back("Upgrade", "websocket");
    return response;
  }
  default:
    return not_found({});
  }
}

http_response server::impl::health() const {
  auto uptime_s = (services.now_ns() - started_ns) / 1'000'000'000;
  return json_response(
    200, {{"status", "ok"}, {"version", config.version}, {"uptime_s", uptime_s}});
}

http_response server::impl::ready() const {
  bool all_ok = true;
  auto list = json::array();
  for (const auto& x : services.readiness()) {
    all_ok = all_ok && x.ok;
    list.push_back({{"name", x.name}, {"ok", x.ok}, {"detail", x.detail}});
  }
  return json_response(all_ok ? 200 : 503,
                       {{"ready", all_ok}, {"checks", std::move(list)}});
}

// -- WebSocket ---------------------------------------------------------------

std::optional<http_response> server::impl::on_upgrade(const http_request& request) {
  auto match = match_route(request.method, request.path);
  if (match.found == nullptr)
    return not_found(match);
  if (match.found->id != route_id::live)
    return error_response(400, "no_upgrade", "This address does not speak WebSocket.");
  auto who = access->admit(*match.found, request, services.now_ns());
  if (!who)
    return std::move(who.error());
  return std::nullopt;
}

void server::impl::on_open(socket_id id, const http_request& request) {
  if (request.authorization.empty())
    if (auto secret = find_cookie(request.cookie, session_cookie))
      socket_sessions.emplace(id, digest_of(*secret));
  hub.open(id, wants_json(request.query) ? wire_format::json : wire_format::msgpack,
           services.now_ns());
}

void server::impl::on_message(socket_id id, bool text, std::string_view bytes) {
  auto message = parse_message(text, bytes);
  if (message)
    hub.message(id, *message);
  else
    hub.refuse(id, message.error());
  read_snapshots();
}

void server::impl::on_sent(socket_id id, std::size_t) {
  hub.sent(id);
  read_snapshots();
}

void server::impl::on_close(socket_id id) {
  hub.close(id);
  socket_sessions.erase(id);
}

void server::impl::send(socket_id to, ws_frame frame) {
  sockets->send(to, std::move(frame));
}

void server::impl::close(socket_id which, std::uint16_t code, std::string_view reason) {
  sockets->close(which, code, reason);
}

// -- the clockwork -----------------------------------------------------------

void server::impl::on_flush() {
  auto news = inbox.take();
  if (!news.delta.alerts.empty() || news.delta.new_series > 0)
    totals_age = totals_ticks;
  if (news.resync)
    hub.resync();
  hub.publish(std::move(news.delta));
  hub.flush(services.now_ns());
  read_snapshots();
}

void server::impl::on_tick() {
  if (++sessions_age >= session_check_ticks)
    check_sessions();
  if (hub.sessions() == 0)
    return;
  if (++totals_age > totals_ticks)
    refresh_totals();
  auto now_ns = services.now_ns();
  hub.tick(now_ns, services.fleet.view(now_ns), totals);
}

void server::impl::check_sessions() {
  sessions_age = 0;
  for (const auto& [id, session] : socket_sessions)
    if (!access->sessions().touch(session, services.now_ns()))
      sockets->close(id, 1008, "the session has ended");
}

void server::impl::refresh_totals() {
  if (totals_reading)
    return;
  totals_reading = queries.try_post([this] {
    auto read = handlers.totals();
    sockets->post([this, read = std::move(read)] {
      totals_reading = false;
      if (read)
        totals = *read;
    });
  });
  if (totals_reading)
    totals_age = 0;
}

void server::impl::read_snapshots() {
  while (queries.size() < snapshots_waiting_max) {
    auto request = hub.next_snapshot();
    if (!request)
      return;
    bool posted = queries.try_post([this, request = *request] {
      auto result = read_snapshot(services.store, request, services.now_ns());
      sockets->post([this, result = std::move(result)] {
        hub.snapshot(result);
        read_snapshots();
      });
    });
    if (!posted)
      return hub.put_back(*request);
  }
}

// -- server ------------------------------------------------------------------

server::server(server_config config, server_services services)
  : impl_(std::make_unique<impl>(std::move(config), std::move(services))) {
}

server::~server() {
  stop();
}

expected<std::uint16_t, error> server::start() {
  auto& x = *impl_;
  origin_policy origins{x.config.allowed_origins};
  if (origins.invalid())
    return unexpected(
      error{errc::invalid_config, "web.allowed_origins: `" + *origins.invalid()
                                    + "` is no origin; e.g. https://example.org:8443 "
                                      "without a path."});
  auto key = load_or_create_key(x.config.data_dir);
  if (!key)
    return unexpected(key.error());
  x.access.emplace(*key, std::move(origins), session_limits{}, x.counters);
  x.started_ns = x.services.now_ns();
  x.sockets = std::make_unique<beast_server>(x.config, socket_limits{}, x, x.counters);
  x.sockets->every(milliseconds{50}, [&x] { x.on_flush(); });
  x.sockets->every(milliseconds{1000}, [&x] { x.on_tick(); });
  auto port = x.sockets->start();
  if (port) {
    x.queries.start();
    x.expressions.start();
  }
  return port;
}

void server::publish(std::shared_ptr<const storage::commit_report> report) {
  if (report)
    impl_->inbox.put(*report);
}

void server::stop() {
  // Sockets first: the query thread may still answer into them, which is
  // dropped.
  if (impl_->sockets)
    impl_->sockets->stop();
  impl_->prometheus.stop();
  impl_->expressions.stop();
  impl_->queries.stop();
}

} // namespace weir::web
