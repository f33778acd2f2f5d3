#include "tests/simulation/edge_process.hpp"

#include "transport/block_codec.hpp"

#include <utility>

namespace weir::simulation {

namespace {

using namespace std::chrono_literals;

constexpr std::size_t shard_count = 2;
constexpr std::size_t series_max = 1000;
constexpr std::uint64_t boot_id = 77; // Only the process ends, never the machine.
constexpr std::size_t journal_bytes_max = 512 << 10;
constexpr std::size_t segment_bytes = 64 << 10;
constexpr std::size_t payload_bytes_max = 2048; // A record of one event.
constexpr std::size_t duplicates_horizon = 8192;

analytics::stream_config stream() {
  analytics::stream_config result;
  result.event_time.allowed_lateness_ns = lateness_ns;
  result.event_time.idle_timeout_ns = idle_timeout_ns;
  result.event_time.hold_max_ns = 2 * hour_ns;
  result.event_time.retain_max_ns = 4 * hour_ns;
  result.window->width_ns = series_width_ns;
  analytics::view_config groups;
  groups.name = group_view;
  groups.width_ns = group_width_ns;
  groups.group_by = {"metric"};
  result.views.push_back(groups);
  analytics::rule_config rule;
  rule.name = "high";
  rule.limit = 950.0;
  result.rules.push_back(rule);
  return result;
}

storage::outbox_config outbox_config(const edge_process_config& config) {
  storage::outbox_config result;
  result.directory = config.directory / "outbox";
  result.size_bytes_max = config.outbox_bytes_max;
  result.reserve_bytes = 0;
  result.coalesce_min_age_ns = lateness_ns + hour_ns;
  result.widths_in_use_ns = {series_width_ns, group_width_ns};
  result.decode
    = [](std::string_view bytes) -> expected<analytics::record_block, std::string> {
    auto block = transport::decode_block(bytes);
    if (!block)
      return unexpected(block.error().message);
    return std::move(*block);
  };
  result.encode
    = [](const analytics::record_block& x) { return transport::encode_block(x); };
  return result;
}

actors::outbox_writer_config writer_config() {
  actors::outbox_writer_config result;
  result.checkpoint_interval = 2min;
  result.commit_interval = 200ms;
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

std::string text_of(const std::string& x) {
  return x;
}
std::string text_of(const storage::error& x) {
  return x.message;
}

} // namespace

template <class Result>
bool edge_process::check(const Result& result, std::string_view what) {
  if (!result)
    problems_.push_back(config_.name + ": " + std::string{what} + ": "
                        + text_of(result.error()));
  return result.has_value();
}

edge_process::edge_process(virtual_time& time, edge_process_config config,
                           edge_clocks clocks, std::function<void()> on_committed)
  : time_(time), config_(std::move(config)), clocks_(std::move(clocks)),
    on_committed_(std::move(on_committed)), series_(series_max, shard_count),
    backlog_(std::make_shared<actors::writer_backlog>()),
    routed_(std::make_shared<actors::routed_backlog>()),
    committed_(std::make_shared<actors::committed_cut>()),
    peers_(std::make_shared<std::vector<actors::shard_actor>>()) {
  auto program = analytics::stream_program::compile(stream());
  if (!program)
    throw std::runtime_error{program.error().front()};
  program_ = *program;
  open_files();
  make_shards();
  restore();
  start_actors();
  actors::event_port_config port;
  port.source = "feed";
  port_ = std::make_unique<actors::event_port>(
    std::move(port), actors::ingest_context{&series_, &rejected_, gate_.get(),
                                            clocks_.wall_ns, clocks_.steady_ns});
}

void edge_process::open_files() {
  auto opened = storage::outbox::open(outbox_config(config_), 0);
  if (!opened)
    throw std::runtime_error{opened.error().message};
  outbox_ = std::move(*opened);
  if (outbox_->was_damaged())
    problems_.push_back(config_.name + ": the outbox was damaged");
  if (!config_.journal)
    return;
  storage::journal_config files;
  files.directory = config_.directory / "journal";
  files.size_bytes_max = journal_bytes_max;
  files.segment_bytes = segment_bytes;
  auto journal = storage::journal::open(files, 0);
  if (!journal)
    throw std::runtime_error{journal.error().message};
  journal_ = std::move(*journal);
  auto stats = journal_->stats();
  if (stats.torn_tails + stats.damaged_regions + stats.segments_set_aside > 0)
    problems_.push_back(config_.name + ": the journal was damaged");
}

void edge_process::make_shards() {
  std::vector<actors::shard_inbox*> inboxes;
  for (std::size_t i = 0; i < shard_count; ++i) {
    actors::shard_parts parts;
    parts.core = std::make_shared<analytics::shard>(program_, series_, i);
    parts.number = i;
    parts.routed = routed_;
    parts.committed = committed_;
    parts.peers = peers_;
    parts.series = &series_;
    parts.rejected = &rejected_;
    parts.wall_ns = [this] {
      auto now_ns = clocks_.wall_ns();
      return now_ns < analytics::node_clock_config{}.trusted_after_ns
               ? analytics::time_forever
               : now_ns;
    };
    parts.gauge = std::make_shared<actors::shard_gauge>();
    parts.backlog = backlog_;
    parts.inbox = std::make_shared<actors::shard_inbox>(
      actors::shard_inbox_config{1024, 64}, [this, i](actors::shard_inbox::wake when) {
        if (when == actors::shard_inbox::wake::now)
          caf::anon_send((*peers_)[i], actors::drain_v);
        else
          caf::delayed_anon_send((*peers_)[i], 2ms, actors::drain_v);
      });
    inboxes.push_back(parts.inbox.get());
    shards_.push_back(std::move(parts));
  }
  actors::ingest_gate_config config;
  config.duplicates_horizon = duplicates_horizon;
  actors::ingest_gate::parts parts;
  parts.series = &series_;
  parts.inboxes = std::move(inboxes);
  parts.journal = journal_.get();
  parts.boot_id = boot_id;
  parts.on_problem = [this](const std::string& problem) {
    problems_.push_back(config_.name + ": the journal cannot be written: " + problem);
  };
  gate_ = std::make_unique<actors::ingest_gate>(config, std::move(parts));
}

// -- from what an earlier process left -------------------------------------------

void edge_process::restore() {
  replay_batches_.resize(shard_count);
  auto saved = outbox_->load_checkpoint();
  if (!check(saved, "the checkpoint cannot be read"))
    return;
  if (*saved)
    restore_checkpoint(**saved);
  else
    replay(std::nullopt);
}

bool edge_process::restore_checkpoint(const storage::checkpoint& saved) {
  std::vector<std::string_view> of_shards;
  for (const auto& part : saved.parts) {
    if (part.name == "gate")
      check(gate_->restore(part.bytes), "the gate's state");
    else if (part.name == "accounts")
      check(accounts_.restore(part.bytes), "the accounts");
    else if (part.name.starts_with("shard/"))
      of_shards.push_back(part.bytes);
  }
  restore_shards(of_shards);
  if (!journal_)
    return true;
  auto from
    = saved.journal_number == 0 ? journal_->next_number() : saved.journal_number;
  journal_->skip_to(from);
  journal_->recycle(from);
  replay(from);
  return true;
}

void edge_process::restore_shards(std::span<const std::string_view> saved) {
  for (auto bytes : saved)
    for (auto& parts : shards_)
      check(parts.core->restore(bytes, {time_.now_ns()}, replayed_),
            "the state of a shard");
}

void edge_process::replay(std::optional<std::uint64_t> from) {
  if (!journal_)
    return;
  auto report = gate_->replay(from, [this](std::span<const analytics::event> events) {
    for (const auto& x : events) {
      auto shard = series_.shard_of(x.series);
      replay_batches_[shard].push_back(x);
      if (replay_batches_[shard].size() >= 64)
        replay_batch(shard);
    }
  });
  for (std::size_t i = 0; i < shard_count; ++i)
    replay_batch(i);
  if (check(report, "the journal cannot be replayed")
      && report->unreadable + report->homeless + report->journal.missing > 0)
    problems_.push_back(config_.name + ": records of the journal are missing");
}

void edge_process::replay_batch(std::size_t shard) {
  analytics::batch_time now{time_.now_ns(), shards_[shard].wall_ns()};
  shards_[shard].core->process(replay_batches_[shard], now, replayed_);
  replay_batches_[shard].clear();
  for (std::size_t i = 0; i < replayed_.routed.size(); ++i) {
    auto routed_events = std::exchange(replayed_.routed[i], {});
    if (!routed_events.empty())
      shards_[i].core->process_routed(routed_events, now, replayed_);
  }
  replayed_.late.clear();
}

// -- actors ------------------------------------------------------------------------

std::vector<storage::state_part>
edge_process::node_parts(const actors::node_state& node) {
  std::vector<storage::state_part> result;
  result.push_back({"gate", node.gate.state});
  result.push_back({"accounts", accounts_.at_cut(node)});
  return result;
}

actors::outbox_writer_parts edge_process::writer_parts() {
  actors::outbox_writer_parts parts;
  parts.outbox = outbox_.get();
  parts.series = &series_;
  parts.shards = shard_count;
  parts.backlog = backlog_;
  parts.committed = committed_;
  parts.begin_cut = [this](std::uint64_t number) { return gate_->begin_cut(number); };
  parts.progress = [this] { return gate_->payloads(); };
  parts.node_parts = [this](const auto& node) { return node_parts(node); };
  parts.on_committed = [this](std::uint64_t journal_number) {
    gate_->on_checkpoint(journal_number);
    if (!is_ended_)
      on_committed_();
  };
  parts.on_problem = [this](const std::string& problem) {
    if (!problem.empty())
      problems_.push_back(config_.name + ": the outbox cannot be written: " + problem);
  };
  return parts;
}

void edge_process::start_actors() {
  writer_ = time_.sys.spawn(actors::outbox_writer, writer_config(), writer_parts());
  actors::shard_actor_config config;
  config.tick_interval = 30s;
  for (auto& parts : shards_)
    peers_->push_back(time_.sys.spawn(actors::shard_behavior, config, parts, writer_,
                                      actors::alert_publisher_actor{}));
  if (!replayed_.has_records())
    return;
  *backlog_ += actors::record_bytes(replayed_);
  caf::anon_send(
    writer_, actors::shard_records{0, std::make_shared<const analytics::shard_output>(
                                        std::exchange(replayed_, {}))});
}

void edge_process::end() {
  is_ended_ = true;
  for (auto& x : *peers_)
    caf::anon_send_exit(x, caf::exit_reason::kill);
  caf::anon_send_exit(writer_, caf::exit_reason::kill);
}

std::string edge_process::finish() {
  gate_->close();
  auto done = time_.self->request(writer_, caf::infinite, actors::finish_v);
  time_.settle();
  std::string problem = "the writer gave no answer";
  if (time_.self->peek_at_next_mailbox_element() != nullptr)
    done.receive([&](actors::outcome& x) { problem = x.error; },
                 [&](caf::error& err) { problem = time_.sys.render(err); });
  return problem;
}

// -- events and status -----------------------------------------------------------

bool edge_process::has_room() {
  for (const auto& x : shards_)
    if (!x.inbox->has_room_to_spare())
      return false;
  // As the gate will ask; there it would wait for ever, for this thread is the only one.
  return !journal_ || journal_->reserve(payload_bytes_max).has_value();
}

std::string edge_process::room() const {
  std::string result;
  for (const auto& x : shards_)
    result += std::to_string(x.inbox->size()) + " in an inbox, ";
  result += std::to_string(*backlog_) + " records behind, cut "
            + std::to_string(*committed_) + " committed";
  if (journal_)
    result += ", " + std::to_string(journal_->stats().needed_bytes >> 10)
              + " KB of the journal needed";
  return result;
}

void edge_process::take(const transport::raw_event& event) {
  port_->take_event(event);
}

void edge_process::sync() {
  if (journal_)
    check(journal_->sync(), "the journal cannot be synced");
}

std::vector<transport::uplink_entry>
edge_process::read_outbox(std::uint64_t after_seq, std::size_t size_bytes_max) {
  std::vector<transport::uplink_entry> result;
  auto blocks = outbox_->read_after(after_seq, size_bytes_max);
  if (check(blocks, "the outbox cannot be read"))
    for (auto& x : *blocks)
      result.push_back(to_entry(std::move(x)));
  return result;
}

std::vector<analytics::shard_status> edge_process::shard_statuses() const {
  std::vector<analytics::shard_status> result;
  for (const auto& x : shards_)
    result.push_back(x.core->status());
  return result;
}

actors::event_account edge_process::account() const {
  return accounts_.now(gate_->totals(), shard_statuses());
}

transport::edge_status edge_process::status() const {
  transport::edge_status result;
  result.version = "simulated";
  result.epoch = outbox_->epoch();
  result.run = outbox_->run();
  result.time_ns = clocks_.wall_ns();
  auto events = account();
  result.ledger.received = events.received;
  result.ledger.taken = events.taken;
  result.ledger.late = events.late;
  result.ledger.duplicate = events.duplicates;
  result.ledger.quarantined = events.quarantined;
  result.ledger.held = events.held;
  result.ledger.in_flight = events.in_flight;
  auto stats = outbox_->stats();
  result.ledger.next_seq = stats.next_seq;
  result.ledger.acknowledged_seq = stats.acknowledged_seq;
  result.ledger.expired_records = stats.expired_records;
  result.ledger.coalesced_records = stats.coalesced_records;
  result.ledger.violations = accounts_.violations();
  return result;
}

} // namespace weir::simulation
