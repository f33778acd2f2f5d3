#include "actors/ingest_gate.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <numeric>
#include <utility>

namespace weir::actors {

namespace {

using namespace std::chrono_literals;
using analytics::reject_reason;

constexpr std::size_t prefetch_ahead = 8;

template <class T>
std::string_view bytes_of(const std::vector<T>& items) {
  return {reinterpret_cast<const char*>(items.data()), items.size() * sizeof(T)};
}

std::uint64_t sum_of(const rejection_counts& counts) {
  return std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
}

} // namespace

std::uint64_t ingest_totals::quarantined() const {
  return sum_of(rejected);
}

void ingest_payload::clear() {
  for (auto& x : parts) {
    x.events.clear();
    x.keys.clear();
    x.sequences.clear();
  }
  held.clear();
  rejected = {};
  duplicates = 0;
  shed = 0;
  released = 0;
}

ingest_gate::ingest_gate(ingest_gate_config config, parts with)
  : config_(config), parts_(std::move(with)), series_(parts_.inboxes.size()),
    filter_(config.duplicates_horizon), reader_(*parts_.series) {
  parts_.series->log_releases();
  if (parts_.journal != nullptr)
    filling_bytes_ = parts_.journal->stats().size_bytes_max / 2;
}

std::uint32_t ingest_gate::add_source(std::string name) {
  std::lock_guard lock{mutex_};
  sources_.push_back({std::move(name), 0});
  return static_cast<std::uint32_t>(sources_.size() - 1);
}

std::uint64_t ingest_gate::salt_of(std::string_view series) {
  return analytics::stable_hash(series) | 1;
}

/// 0: nothing tells this event from another one that came in the same instant.
std::uint64_t ingest_gate::fingerprint(const analytics::event& x, std::uint64_t key,
                                       std::uint64_t salt) {
  if (key != 0)
    return analytics::fingerprint_of(salt, std::bit_cast<std::int64_t>(key), 0.0);
  if ((x.flags & analytics::stamped_on_arrival) != 0)
    return 0;
  return analytics::fingerprint_of(salt, x.time_ns, x.value);
}

// -- a payload's way in ----------------------------------------------------------

bool ingest_gate::take(std::uint32_t source, ingest_payload& payload, bool sheds) {
  wait_for_room(sheds, payload);
  wakes ring(parts_.inboxes.size());
  bool taken = true;
  {
    std::unique_lock lock{mutex_};
    forget_released();
    if (!held_.empty() && payload.clock.trusted) {
      auto freed = release(payload.clock);
      taken = pass(lock, source, freed, ring);
    }
    hold(payload);
    taken = taken && pass(lock, source, payload, ring);
  }
  for (std::size_t i = 0; i < ring.size(); ++i)
    parts_.inboxes[i]->ring(ring[i]);
  payload.clear();
  return taken;
}

void ingest_gate::wait_for_room(bool sheds, ingest_payload& payload) {
  for (std::size_t i = 0; i < payload.parts.size(); ++i) {
    auto& part = payload.parts[i];
    if (part.events.empty())
      continue;
    if (!sheds) {
      parts_.inboxes[i]->wait_for_room();
    } else if (!parts_.inboxes[i]->has_room_to_spare()) {
      payload.shed += static_cast<std::uint32_t>(part.events.size());
      part.events.clear();
      part.keys.clear();
      part.sequences.clear();
    }
  }
}

/// Everything under the lock: filter, journal, inboxes, counters.
bool ingest_gate::pass(std::unique_lock<std::mutex>& lock, std::uint32_t source,
                       ingest_payload& payload, wakes& ring) {
  for (auto& part : payload.parts)
    drop_duplicates(part, payload);
  if (!write(lock, source, payload))
    return false;
  ++payloads_;
  std::size_t accepted = 0;
  for (std::size_t i = 0; i < payload.parts.size(); ++i) {
    const auto& events = payload.parts[i].events;
    if (events.empty())
      continue;
    accepted += events.size();
    if (closed_)
      continue; // For the next start, which finds it behind the cut.
    auto when = parts_.inboxes[i]->put(events);
    if (when && ring[i] != shard_inbox::wake::now)
      ring[i] = when;
  }
  if (!closed_) {
    count(accepted, payload.rejected, payload.duplicates, payload.shed);
    track(payload);
  }
  return true;
}

/// Ids of evicted series stand for others by now.
void ingest_gate::forget_released() {
  auto releases = parts_.series->releases();
  if (releases == releases_seen_)
    return;
  releases_seen_ = releases;
  for (auto id : parts_.series->take_released()) {
    auto& shard = series_[parts_.series->shard_of(id)];
    if (auto local = parts_.series->local_of(id); local < shard.size())
      shard[local] = {};
  }
}

ingest_gate::known_series& ingest_gate::known(analytics::series_id id) {
  auto& shard = series_[parts_.series->shard_of(id)];
  auto local = parts_.series->local_of(id);
  if (local >= shard.size())
    shard.resize(local + local / 2 + 64);
  auto& result = shard[local];
  if (result.salt == 0)
    result.salt = salt_of(parts_.series->text(id));
  return result;
}

void ingest_gate::drop_duplicates(ingest_payload::shard_part& part,
                                  ingest_payload& payload) {
  if (!config_.duplicates_enabled || part.events.empty())
    return;
  auto count = part.events.size();
  fingerprints_.resize(count);
  for (std::size_t i = 0; i < count; ++i)
    fingerprints_[i] = fingerprint(part.events[i], part.keys.empty() ? 0 : part.keys[i],
                                   known(part.events[i].series).salt);
  std::size_t kept = 0;
  auto mark = part.sequences.begin();
  auto marks_kept = mark;
  for (std::size_t i = 0; i < count; ++i) {
    if (i + prefetch_ahead < count)
      filter_.prefetch(fingerprints_[i + prefetch_ahead]);
    auto is_new = fingerprints_[i] == 0 || filter_.insert(fingerprints_[i]);
    for (; mark != part.sequences.end() && mark->index == i; ++mark)
      if (is_new)
        *marks_kept++ = {static_cast<std::uint32_t>(kept), mark->sequence};
    if (!is_new)
      continue;
    if (kept != i) {
      part.events[kept] = part.events[i];
      if (!part.keys.empty())
        part.keys[kept] = part.keys[i];
    }
    ++kept;
  }
  payload.duplicates += static_cast<std::uint32_t>(count - kept);
  part.events.resize(kept);
  if (!part.keys.empty())
    part.keys.resize(kept);
  part.sequences.erase(marks_kept, part.sequences.end());
}

void ingest_gate::track(const ingest_payload& payload) {
  for (const auto& part : payload.parts)
    for (const auto& mark : part.sequences)
      tracker_.observe(
        analytics::shard_key(parts_.series->text(part.events[mark.index].series)),
        mark.sequence);
}

void ingest_gate::count(std::size_t accepted, const rejection_counts& rejected,
                        std::uint64_t duplicates, std::uint64_t shed) {
  totals_.accepted += accepted;
  totals_.duplicates += duplicates;
  totals_.shed += shed;
  totals_.received += accepted + duplicates + shed + sum_of(rejected);
  for (std::size_t i = 0; i < rejected.size(); ++i)
    totals_.rejected[i] += rejected[i];
  totals_.held = held_.size();
}

// -- events that wait for the clock ------------------------------------------------

/// While events are held, so are their ids.
void ingest_gate::keep_reading() {
  if (!held_.empty() && !std::exchange(reading_, true))
    reader_.enter();
  else if (held_.empty() && std::exchange(reading_, false))
    reader_.leave();
}

void ingest_gate::hold(ingest_payload& payload) {
  if (payload.held.empty())
    return;
  auto room = config_.held_events_max - std::min(config_.held_events_max, held_.size());
  if (payload.held.size() > room) {
    payload.rejected[static_cast<std::size_t>(reject_reason::bad_time)]
      += payload.held.size() - room;
    payload.held.resize(room);
  }
  held_.insert(held_.end(), payload.held.begin(), payload.held.end());
  totals_.received += payload.held.size();
  keep_reading();
}

ingest_payload ingest_gate::release(const analytics::clock_reading& now) {
  ingest_payload result{parts_.inboxes.size()};
  for (auto& x : held_) {
    x.event.time_ns = now.wall_at(x.steady_ns);
    auto& part = result.parts[parts_.series->shard_of(x.event.series)];
    part.events.push_back(x.event);
    part.keys.push_back(x.key);
  }
  result.released = static_cast<std::uint32_t>(held_.size());
  totals_.received -= held_.size(); // pass() counts them as accepted.
  totals_.restamped += held_.size();
  held_.clear();
  keep_reading();
  return result;
}

// -- journal -----------------------------------------------------------------------

void ingest_gate::tell(const std::string& problem) {
  if (problem == problem_)
    return;
  problem_ = problem;
  if (parts_.on_problem)
    parts_.on_problem(problem);
}

bool ingest_gate::write(std::unique_lock<std::mutex>& lock, std::uint32_t source,
                        ingest_payload& payload) {
  if (parts_.journal == nullptr)
    return !closed_;
  for (;;) {
    auto written = append(source, payload);
    if (written) {
      tell({});
      if (appended_bytes_ - kept_bytes_ >= filling_bytes_)
        note_filling(true);
      return true;
    }
    if (written.error().code != storage::errc::journal_full) {
      tell(written.error().message);
      for (const auto& part : payload.parts)
        totals_.unjournaled += part.events.size();
      return !closed_;
    }
    if (closed_)
      return false;
    note_filling(true);
    // Until a checkpoint makes room. Another payload may come before this one: only
    // what is in the journal has a place in the order.
    journal_room_.wait_for(lock, 200ms);
  }
}

void ingest_gate::note_filling(bool filling) {
  if (filling_.exchange(filling) != filling && filling && parts_.on_filling)
    parts_.on_filling();
}

/// What is to be named in `segment`, and what is to follow the header.
void ingest_gate::gather(const ingest_payload& payload, std::uint64_t segment) {
  names_.clear();
  marks_.clear();
  keys_.clear();
  auto name = [&](analytics::series_id id) {
    auto& series = known(id);
    if (series.segment == segment)
      return;
    series.segment = segment;
    names_.emplace_back(id, parts_.series->text(id));
  };
  auto has_keys = std::any_of(
    payload.parts.begin(), payload.parts.end(), [](const auto& part) {
      return std::any_of(part.keys.begin(), part.keys.end(), [](auto x) { return x; });
    });
  std::uint32_t before = 0;
  for (const auto& part : payload.parts) {
    for (const auto& x : part.events)
      name(x.series);
    for (const auto& x : part.sequences)
      marks_.push_back({before + x.index, x.sequence});
    if (has_keys && part.keys.empty())
      keys_.resize(keys_.size() + part.events.size());
    else if (has_keys)
      keys_.insert(keys_.end(), part.keys.begin(), part.keys.end());
    before += static_cast<std::uint32_t>(part.events.size());
  }
  for (const auto& x : payload.held)
    name(x.event.series);
}

/// They are not in the segment after all.
void ingest_gate::forget_names() {
  for (const auto& [id, text] : names_)
    known(id).segment = 0;
}

/// At least that of the record, without its events' names but for those of names_.
std::size_t ingest_gate::size_of(const ingest_payload& payload) const {
  auto result = 512 + payload.held.size() * sizeof(held_event)
                + marks_.size() * sizeof(sequence_mark) + bytes_of(keys_).size();
  for (const auto& part : payload.parts)
    result += bytes_of(part.events).size();
  for (const auto& [id, text] : names_)
    result += text.size() + 8;
  return result;
}

expected<void, storage::error> ingest_gate::append(std::uint32_t source,
                                                   const ingest_payload& payload) {
  // What is to be named depends on the segment, and the segment on the size.
  auto segment = parts_.journal->reserve(0);
  for (auto tries = 0; tries < 3 && segment; ++tries) {
    gather(payload, *segment);
    auto found = parts_.journal->reserve(size_of(payload));
    if (found && *found == *segment)
      break;
    forget_names();
    segment = found;
  }
  if (!segment)
    return unexpected(segment.error());
  std::size_t count = 0;
  for (const auto& part : payload.parts)
    count += part.events.size();
  auto& from = sources_[source];
  ingest_header header;
  header.source = source;
  if (from.segment != *segment)
    header.source_name = from.name;
  header.duplicates = payload.duplicates;
  header.shed = payload.shed;
  header.released = payload.released;
  header.rejected = payload.rejected;
  header.names = names_;
  header.sequences = marks_;
  header.held = payload.held;
  header.boot_id = payload.held.empty() ? 0 : parts_.boot_id;
  header_.clear();
  encode(header, count, !keys_.empty(), header_);
  pieces_.assign(1, header_);
  for (const auto& part : payload.parts)
    if (!part.events.empty())
      pieces_.push_back(bytes_of(part.events));
  if (!keys_.empty())
    pieces_.push_back(bytes_of(keys_));
  auto number = parts_.journal->append(ingest_record_kind, pieces_);
  if (number) {
    from.segment = *segment;
    for (auto piece : pieces_)
      appended_bytes_ += piece.size();
    return {};
  }
  forget_names();
  return unexpected(number.error());
}

void ingest_gate::on_checkpoint(std::uint64_t number) {
  if (parts_.journal == nullptr || number == 0)
    return;
  {
    std::lock_guard lock{mutex_};
    // For a start that finds the journal, but not the checkpoint.
    std::array<std::string_view, 1> mark{
      {{reinterpret_cast<const char*>(&number), sizeof(number)}}};
    static_cast<void>(parts_.journal->append(checkpoint_record_kind, mark));
    parts_.journal->recycle(number);
    kept_bytes_ = cut_bytes_;
    note_filling(appended_bytes_ - kept_bytes_ >= filling_bytes_);
  }
  journal_room_.notify_all();
}

bool ingest_gate::can_hold(std::size_t waiting) const {
  std::lock_guard lock{mutex_};
  return held_.size() + waiting < config_.held_events_max;
}

// -- cuts --------------------------------------------------------------------------

cut_start ingest_gate::begin_cut(std::uint64_t number) {
  cut_start result;
  wakes ring(parts_.inboxes.size());
  {
    std::lock_guard lock{mutex_};
    for (std::size_t i = 0; i < ring.size(); ++i)
      ring[i] = parts_.inboxes[i]->put_cut(number);
    if (parts_.journal != nullptr)
      result.journal_number = closed_ ? closed_at_ : parts_.journal->next_number();
    cut_bytes_ = appended_bytes_;
    result.totals = totals_;
    save(result.state);
  }
  for (std::size_t i = 0; i < ring.size(); ++i)
    parts_.inboxes[i]->ring(ring[i]);
  return result;
}

void ingest_gate::close() {
  {
    std::lock_guard lock{mutex_};
    if (std::exchange(closed_, true))
      return;
    if (parts_.journal != nullptr)
      closed_at_ = parts_.journal->next_number();
  }
  journal_room_.notify_all();
  for (auto* x : parts_.inboxes)
    x->close();
}

// -- status ------------------------------------------------------------------------

ingest_totals ingest_gate::totals() const {
  std::lock_guard lock{mutex_};
  return totals_;
}

analytics::sequence_totals ingest_gate::upstream() const {
  std::lock_guard lock{mutex_};
  return tracker_.totals();
}

std::size_t ingest_gate::size_bytes() const {
  std::lock_guard lock{mutex_};
  auto result = filter_.size_bytes() + held_.capacity() * sizeof(held_event);
  for (const auto& x : series_)
    result += x.capacity() * sizeof(known_series);
  return result;
}

std::uint64_t ingest_gate::payloads() const {
  std::lock_guard lock{mutex_};
  return payloads_;
}

std::string ingest_gate::problem() const {
  std::lock_guard lock{mutex_};
  return problem_;
}

} // namespace weir::actors
