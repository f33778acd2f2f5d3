#include "actors/edge_node_impl.hpp"

#include "actors/alert_client.hpp"
#include "actors/alert_publisher.hpp"
#include "actors/log.hpp"
#include "actors/process_info.hpp"
#include "actors/quarantine_forwarder.hpp"
#include "actors/system.hpp"
#include "transport/block_codec.hpp"

#include <caf/actor_system.hpp>
#include <caf/send.hpp>

#include <algorithm>
#include <set>
#include <thread>
#include <utility>

namespace weir::actors {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

namespace {

bool is_name(const std::string& text) {
  return !text.empty() && text.size() <= 64
         && text.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopq"
                                   "rstuvwxyz0123456789._-")
              == std::string::npos;
}

/// Of outbox and of journal, where both are in memory.
constexpr std::size_t memory_only_bytes_max = 16 << 20;

std::vector<std::int64_t> window_widths(const analytics::stream_config& stream) {
  std::vector<std::int64_t> result;
  if (stream.window)
    result.push_back(stream.window->width_ns);
  for (const auto& view : stream.views)
    result.push_back(view.width_ns);
  return result;
}

transport::uplink_entry to_entry(storage::outbox_entry&& x) {
  if (auto* block = std::get_if<storage::stored_block>(&x))
    return {transport::entry_kind::records,
            block->run,
            block->first_seq,
            block->seq_span,
            block->record_count,
            std::move(block->bytes)};
  const auto& hole = std::get<storage::hole>(x);
  auto kind = hole.reason == storage::hole_reason::shed
                ? transport::entry_kind::shed
                : transport::entry_kind::expired;
  return {kind, 0, hole.first_seq, hole.last_seq - hole.first_seq + 1, 0, {}};
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
  if (auto least = memory_bytes_min(budget_config(config));
      config.memory_bytes_max < least)
    return "node.memory_mb_max must be at least "
           + std::to_string((least + (1 << 20) - 1) >> 20)
           + " with this duplicates.horizon_events";
  if (config.journal.enabled && !config.writer.checkpoints)
    return "journal.enabled needs checkpoint.enabled: without checkpoints the journal "
           "would fill up, and nothing could be taken up from it";
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
  config.outbox.decode
    = [](std::string_view bytes) -> expected<analytics::record_block, std::string> {
    auto block = transport::decode_block(bytes);
    if (!block)
      return unexpected(block.error().message);
    return std::move(*block);
  };
  config.outbox.encode
    = [](const analytics::record_block& x) { return transport::encode_block(x); };
  config.outbox.widths_in_use_ns = window_widths(config.stream);
  auto opened = storage::outbox::open(config.outbox, wall_clock_ns());
  if (!opened && opened.error().code == storage::errc::read_only)
    opened = open_outbox_in_memory(opened.error().message);
  if (!opened)
    return opened.error().message;
  outbox = std::move(*opened);
  files_set_aside = outbox->files_set_aside();
  if (outbox->was_damaged())
    log_error("the outbox in {} was damaged: it has been set aside beside it, "
              "and a new one was made. What it held is lost to the centre; "
              "keep the files if you want to recover it by hand.",
              config.outbox.directory.string());
  return {};
}

/// A disk that cannot be written is no reason to stop watching.
expected<std::unique_ptr<storage::outbox>, storage::error>
edge_node::impl::open_outbox_in_memory(const std::string& why) {
  auto directory = storage::memory_directory("weir-edge-" + config.name);
  if (!directory)
    return unexpected(directory.error());
  memory_only = true;
  log_error(
    "RUNNING IN MEMORY: {}. Nothing is kept over a restart of this machine; at "
    "most {} MB of results wait for the centre. Make the disk writable and start "
    "again.",
    why, memory_only_bytes_max >> 20);
  config.outbox.directory = *directory / "outbox";
  config.outbox.size_bytes_max
    = std::min(config.outbox.size_bytes_max, memory_only_bytes_max);
  config.journal.files.directory = *directory / "journal";
  config.journal.files.size_bytes_max
    = std::min(config.journal.files.size_bytes_max, memory_only_bytes_max);
  return storage::outbox::open(config.outbox, wall_clock_ns());
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

/// Without a journal the node works on: that is better than no node.
void edge_node::impl::open_journal() {
  if (!config.journal.enabled) {
    journal_problem = "it is switched off (journal.enabled)";
    return;
  }
  auto opened = storage::journal::open(config.journal.files, wall_clock_ns());
  if (!opened) {
    journal_problem = opened.error().message;
    log_error("there is no journal: {}. A crash now loses what came in since the last "
              "checkpoint.",
              journal_problem);
    return;
  }
  journal = std::move(*opened);
  auto stats = journal->stats();
  files_set_aside += stats.segments_set_aside;
  if (stats.segments_set_aside > 0)
    log_error("{} damaged segments of the journal in {} have been set aside: what they "
              "held of the time since the last checkpoint is lost",
              stats.segments_set_aside, config.journal.files.directory.string());
  journal_timer = std::make_unique<periodic_thread>(config.journal.sync_interval,
                                                    [this] { sync_journal(); });
}

void edge_node::impl::sync_journal() {
  auto done = journal->sync();
  if (done)
    synced_ns = steady_now_ns();
  else if (sync_problem != done.error().message)
    log_error("the journal cannot be synced to disk: {}", done.error().message);
  sync_problem = done ? std::string{} : done.error().message;
}

void edge_node::impl::govern_memory() {
  auto rss_bytes = process_rss_bytes();
  auto order = governor.observe(rss_bytes, steady_now_ns());
  for (auto& x : shards)
    x.inbox->set_room_percent(order.room_percent);
  if (order.drop_pages)
    outbox->give_back_memory();
  if (order.give_back)
    give_back_free_memory();
  memory_is_short = order.is_pressed;
  if (order.has_changed && order.is_pressed)
    log_warn("memory is short: {} MB of node.memory_mb_max = {} MB are in use. Sources "
             "wait or shed sooner until there is less.",
             rss_bytes >> 20, config.memory_bytes_max >> 20);
  else if (order.has_changed)
    log_info("memory is enough again: {} MB", rss_bytes >> 20);
}

void edge_node::impl::make_shards() {
  std::vector<shard_inbox*> inboxes;
  auto inbox_config = config.inbox;
  inbox_config.events_max = std::min(inbox_config.events_max, budget.inbox_events_max);
  for (std::size_t i = 0; i < config.shards; ++i) {
    shard_parts parts;
    parts.core = std::make_shared<analytics::shard>(program, series, i);
    parts.number = i;
    parts.routed = routed;
    if (config.writer.checkpoints)
      parts.committed = committed;
    parts.peers = peers;
    parts.series = &series;
    parts.rejected = &rejected;
    parts.wall_ns = [trusted_after_ns = config.clock.trusted_after_ns] {
      auto now_ns = wall_clock_ns();
      return now_ns < trusted_after_ns ? analytics::time_forever : now_ns;
    };
    parts.gauge = std::make_shared<shard_gauge>();
    parts.backlog = backlog;
    parts.on_alerts = [this](std::size_t count) { alerts->handed += count; };
    // The inbox asks an actor that is spawned with the inbox: by index.
    parts.inbox
      = std::make_shared<shard_inbox>(inbox_config, [this, i](shard_inbox::wake when) {
          if (when == shard_inbox::wake::now)
            caf::anon_send(shard_actors[i], drain_v);
          else
            caf::delayed_anon_send(shard_actors[i], config.linger, drain_v);
        });
    inboxes.push_back(parts.inbox.get());
    shards.push_back(std::move(parts));
  }
  ingest_gate::parts gate_parts;
  gate_parts.series = &series;
  gate_parts.inboxes = std::move(inboxes);
  gate_parts.journal = journal.get();
  gate_parts.boot_id = boot_id();
  gate_parts.on_filling = [this] {
    if (writer)
      caf::anon_send(writer, commit_v);
  };
  gate_parts.on_problem = [](const std::string& problem) {
    if (problem.empty())
      log_info("the journal is written again");
    else
      log_error("the journal cannot be written: {}. Events are taken without it: a "
                "crash now loses what came in since the last checkpoint.",
                problem);
  };
  gate = std::make_unique<ingest_gate>(config.gate, std::move(gate_parts));
}

outbox_writer_parts edge_node::impl::make_writer_parts() {
  outbox_writer_parts parts;
  parts.outbox = outbox.get();
  parts.series = &series;
  parts.shards = config.shards;
  parts.backlog = backlog;
  parts.committed = committed;
  parts.begin_cut = [this](std::uint64_t number) { return gate->begin_cut(number); };
  parts.progress = [this] { return gate->payloads(); };
  parts.is_filling = [this] { return gate->is_filling(); };
  parts.node_parts = [this](const node_state& node) { return node_parts(node); };
  parts.on_committed = [this](std::uint64_t journal_number) {
    checkpoint_ns = steady_now_ns();
    gate->on_checkpoint(journal_number);
    if (uplink)
      uplink->notify();
  };
  parts.on_problem = [](const std::string& problem) {
    if (problem.empty())
      log_info("the outbox takes records again");
    else
      log_error("the outbox cannot be written: {}. Sources wait until it can.",
                problem);
  };
  return parts;
}

void edge_node::impl::start_actors() {
  auto& sys = system.get();
  auto writer_config = config.writer;
  writer_config.backlog_urgent_bytes = budget.backlog_bytes_max / 2;
  writer = sys.spawn<caf::detached>(outbox_writer, writer_config, make_writer_parts());
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
  shard_actor_config shard_config;
  shard_config.writer_backlog_max = budget.backlog_bytes_max;
  shard_config.routed_backlog_max = budget.routed_events_max;
  for (auto& parts : shards)
    shard_actors.push_back(
      sys.spawn(shard_behavior, shard_config, parts, writer, publisher));
  *peers = shard_actors;
  flush_replayed();
}

std::vector<transport::uplink_entry>
edge_node::impl::read_outbox(std::uint64_t after_seq, std::size_t size_bytes_max) {
  std::vector<transport::uplink_entry> result;
  auto blocks = outbox->read_after(after_seq, size_bytes_max);
  if (!blocks) {
    log_error("the outbox cannot be read: {}", blocks.error().message);
    return result;
  }
  result.reserve(blocks->size());
  for (auto& x : *blocks)
    result.push_back(to_entry(std::move(x)));
  return result;
}

void edge_node::impl::make_uplink() {
  if (!config.uplink_enabled)
    return;
  transport::uplink_client_callbacks callbacks;
  callbacks.read_after = [this](std::uint64_t after_seq, std::size_t size) {
    return read_outbox(after_seq, size);
  };
  callbacks.on_ack = [this](const transport::uplink_position& x) {
    if (auto done = outbox->acknowledge(x.through_seq, x.lane_first, x.lane_through);
        !done)
      log_error("acknowledged records stay in the outbox: {}", done.error().message);
  };
  callbacks.on_missing = [](std::uint64_t first_seq, std::uint64_t last_seq) {
    log_error(
      "records {} to {} were acknowledged, and the centre does not have them any "
      "more: its database was set back or damaged. They are lost; its ledger "
      "shows them as expired.",
      first_seq, last_seq);
  };
  callbacks.on_contact = [this] { outbox->note_contact(); };
  callbacks.on_behind
    = [this](const transport::uplink_position& centre) { return renew_epoch(centre); };
  callbacks.next_seq = [this] { return outbox->stats().next_seq; };
  callbacks.unsent_seq = [this] { return outbox->stats().unsent_seq; };
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

/// The centre has seen more of this epoch than was sent from here.
std::uint64_t edge_node::impl::renew_epoch(const transport::uplink_position& centre) {
  auto report
    = outbox->renew_epoch(centre.through_seq, centre.lane_first, centre.lane_through);
  if (!report) {
    log_error(
      "the database is older than what the centre has (a restored backup?), and "
      "a new epoch cannot be begun: {}",
      report.error().message);
    return 0;
  }
  log_error(
    "the database is older than what the centre has: a backup was restored. "
    "Epoch {:016x} ends, {:016x} begins; {} records that the centre has were "
    "dropped, {} are sent under new numbers. Windows that were open at the time "
    "of the backup are counted in both epochs.",
    report->epoch_before, report->epoch, report->known_numbers, report->kept_numbers);
  return report->epoch;
}

std::string edge_node::impl::start_uplink() {
  if (!uplink)
    return {};
  if (auto started = uplink->start(); !started)
    return "uplink: " + started.error().message;
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
  x.open_journal();
  x.make_shards();
  x.restore_state();
  x.start_actors();
  x.memory_timer
    = std::make_unique<periodic_thread>(milliseconds{100}, [&x] { x.govern_memory(); });
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

std::string edge_node::stop(milliseconds deadline) {
  auto& x = *impl_;
  if (std::exchange(x.stopped, true))
    return {};
  auto until = steady_clock::now() + deadline;
  x.stop_sources(until);
  auto problem = x.save_everything(until);
  x.memory_timer.reset();
  x.journal_timer.reset();
  if (x.journal)
    x.sync_journal();
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
    // Not the sum: every port sees the same jump of the one clock, those that are busy
    // at least.
    result.clock_jumps_total = std::max(
      result.clock_jumps_total, counters.clock_jumps.load(std::memory_order_relaxed));
  }
  auto totals = gate->totals();
  result.restamped_total += totals.restamped;
  result.held_events = totals.held;
  result.shed_total = totals.shed;
  for (const auto& x : shards) {
    auto shard_status = x.gauge->get();
    result.late_total += shard_status.late + shard_status.routed_late;
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
  fill_ledger(result);
  return result;
}

void edge_node::impl::fill_ledger(transport::edge_status& status) const {
  auto& ledger = status.ledger;
  std::vector<analytics::shard_status> of_shards;
  for (const auto& x : shards)
    of_shards.push_back(x.gauge->get());
  auto events = accounts.now(gate->totals(), of_shards);
  ledger.received = events.received;
  ledger.taken = events.taken;
  ledger.late = events.late;
  ledger.duplicate = events.duplicates;
  ledger.quarantined = events.quarantined;
  ledger.filtered = events.filtered;
  ledger.shed = events.shed;
  ledger.held = events.held;
  ledger.in_flight = events.in_flight;
  auto upstream = gate->upstream();
  ledger.upstream_missing = upstream.missing;
  ledger.upstream_recovered = upstream.recovered;
  ledger.upstream_restarts = upstream.restarts;
  auto stats = outbox->stats();
  ledger.next_seq = stats.next_seq;
  ledger.acknowledged_seq = stats.acknowledged_seq;
  ledger.expired_records = stats.expired_records;
  ledger.coalesced_records = stats.coalesced_records;
  ledger.shed_records = stats.shed_records;
  ledger.violations = accounts.violations();
  ledger.checkpoint_bytes = stats.checkpoint_bytes;
  if (auto then_ns = checkpoint_ns.load(); then_ns != 0)
    ledger.checkpoint_age_ms
      = static_cast<std::uint64_t>((steady_now_ns() - then_ns) / 1'000'000);
  ledger.files_set_aside = files_set_aside;
  if (journal) {
    auto journal_stats = journal->stats();
    ledger.journal_bytes = journal_stats.needed_bytes;
    ledger.journal_torn = journal_stats.torn_tails;
    ledger.journal_damaged = journal_stats.damaged_regions;
    ledger.journal_unsynced_ms
      = static_cast<std::uint64_t>((steady_now_ns() - synced_ns.load()) / 1'000'000);
  }
  if (memory_only)
    ledger.mode |= transport::edge_mode_memory_only;
  if (!journal || !gate->problem().empty())
    ledger.mode |= transport::edge_mode_journal_off;
  if (stats.state == storage::outbox_state::disk_full)
    ledger.mode |= transport::edge_mode_disk_full;
  if (memory_is_short)
    ledger.mode |= transport::edge_mode_memory_short;
}

transport::edge_status edge_node::status() const {
  return impl_->status();
}

std::vector<transport::zmq_bound_endpoints> edge_node::zmq_endpoints() const {
  return impl_->zmq_endpoints;
}

} // namespace weir::actors
