// The part of the INGEST GATE that outlives a process: its own state in a checkpoint,
// and the replay of the journal behind it.
#include "actors/ingest_gate.hpp"

#include "analytics/byte_io.hpp"

#include <algorithm>
#include <unordered_map>
#include <utility>

namespace weir::actors {

namespace {

constexpr std::uint8_t state_version = 1;

void put(analytics::byte_writer& out, const ingest_totals& x) {
  for (auto number :
       {x.received, x.accepted, x.duplicates, x.shed, x.restamped, x.unjournaled})
    out.put(number);
  out.put(static_cast<std::uint8_t>(x.rejected.size()));
  for (auto number : x.rejected)
    out.put(number);
}

ingest_totals get_totals(analytics::byte_reader& in) {
  ingest_totals x;
  for (auto* number :
       {&x.received, &x.accepted, &x.duplicates, &x.shed, &x.restamped, &x.unjournaled})
    *number = in.get<std::uint64_t>();
  auto reasons = in.get<std::uint8_t>();
  for (std::uint8_t i = 0; i < reasons && in.ok(); ++i)
    x.rejected[std::min<std::size_t>(i, x.rejected.size() - 1)]
      += in.get<std::uint64_t>();
  return x;
}

} // namespace

void ingest_gate::save(std::string& out) const {
  analytics::byte_writer writer{out};
  writer.put(state_version);
  put(writer, totals_);
  writer.put(parts_.boot_id);
  writer.put(static_cast<std::uint32_t>(held_.size()));
  for (const auto& x : held_) {
    writer.put_text(parts_.series->text(x.event.series));
    writer.put_struct(x);
  }
  std::string tracked;
  tracker_.save(tracked);
  writer.put_text(tracked);
}

expected<void, std::string> ingest_gate::restore(std::string_view state) {
  std::lock_guard lock{mutex_};
  analytics::byte_reader in{state};
  if (in.get<std::uint8_t>() != state_version)
    return unexpected(std::string{"the saved counters have another version"});
  auto totals = get_totals(in);
  auto same_boot = in.get<std::uint64_t>() == parts_.boot_id;
  std::vector<held_event> held;
  std::uint64_t lost = 0;
  for (auto left = in.get<std::uint32_t>(); left > 0 && in.ok(); --left) {
    auto text = in.get_text();
    auto x = in.get_struct<held_event>();
    auto id = same_boot && in.ok() ? parts_.series->intern(text) : std::nullopt;
    if (id) {
      x.event.series = *id;
      held.push_back(x);
    } else {
      ++lost;
    }
  }
  auto tracked = in.get_text();
  if (!in.ok() || !in.at_end())
    return unexpected(std::string{"the saved counters are damaged"});
  if (!tracker_.restore(tracked))
    return unexpected(std::string{"the saved numbers of sources are damaged"});
  totals_ = totals;
  totals_.rejected[static_cast<std::size_t>(analytics::reject_reason::bad_time)]
    += lost;
  held_ = std::move(held);
  totals_.held = held_.size();
  keep_reading();
  return {};
}

/// A record behind the checkpoint: counts, holds and follows as take() did.
void ingest_gate::replay_one(const ingest_record& record) {
  const auto& header = record.header;
  auto released = std::min<std::size_t>(header.released, held_.size());
  held_.erase(held_.begin(), held_.begin() + static_cast<std::ptrdiff_t>(released));
  totals_.received -= std::min<std::uint64_t>(totals_.received, released);
  totals_.restamped += released;
  if (header.boot_id == parts_.boot_id) {
    held_.insert(held_.end(), record.held.begin(), record.held.end());
    totals_.received += record.held.size();
  } else if (!record.held.empty()) {
    totals_.rejected[static_cast<std::size_t>(analytics::reject_reason::bad_time)]
      += record.held.size();
    totals_.received += record.held.size();
  }
  keep_reading();
  count(record.events.size(), header.rejected, header.duplicates, header.shed);
  for (const auto& mark : record.sequences)
    if (mark.index < record.events.size())
      tracker_.observe(
        analytics::shard_key(parts_.series->text(record.events[mark.index].series)),
        mark.sequence);
}

void ingest_gate::learn_names(const ingest_record& record) {
  for (const auto& [id, text] : record.names) {
    auto& series = journaled_[id];
    if (series.text == text)
      continue;
    series = {std::string{text}, salt_of(text), std::nullopt, false};
  }
}

/// So that it is known when it is delivered again. Names are not needed for that: the
/// journal also holds series that have long been evicted.
void ingest_gate::remember(const ingest_record& record) {
  for (std::size_t i = 0; i < record.events.size(); ++i) {
    auto found = journaled_.find(record.events[i].series);
    if (found == journaled_.end())
      continue;
    auto x = fingerprint(record.events[i], record.keys.empty() ? 0 : record.keys[i],
                         found->second.salt);
    if (x != 0)
      filter_.insert(x);
  }
}

/// From the ids of the journal to those of this process. Returns how many events have
/// none.
std::uint64_t ingest_gate::translate(ingest_record& record) {
  static constexpr auto none = analytics::series_table::no_series;
  auto id_of = [this](analytics::series_id id) {
    auto found = journaled_.find(id);
    if (found == journaled_.end())
      return none;
    auto& series = found->second;
    if (!std::exchange(series.asked, true))
      series.id = parts_.series->intern(series.text);
    return series.id.value_or(none);
  };
  std::size_t kept = 0;
  auto mark = record.sequences.begin();
  auto marks_kept = mark;
  auto count = record.events.size();
  for (std::size_t i = 0; i < count; ++i) {
    auto event = record.events[i];
    event.series = id_of(event.series);
    for (; mark != record.sequences.end() && mark->index <= i; ++mark)
      if (event.series != none)
        *marks_kept++ = {static_cast<std::uint32_t>(kept), mark->sequence};
    if (event.series != none)
      record.events[kept++] = event;
  }
  record.events.resize(kept);
  record.sequences.erase(marks_kept, record.sequences.end());
  std::erase_if(record.held, [&](held_event& x) {
    x.event.series = id_of(x.event.series);
    return x.event.series == none;
  });
  return count - kept;
}

/// The newest checkpoint that the journal knows of.
std::uint64_t ingest_gate::last_checkpoint() const {
  auto result = parts_.journal->first_number();
  static_cast<void>(
    parts_.journal->replay(result, [&](const storage::journal_record& x) {
      analytics::byte_reader in{x.payload};
      if (x.kind == checkpoint_record_kind)
        result = std::max(result, in.get<std::uint64_t>());
    }));
  return result;
}

expected<ingest_gate::replay_report, std::string>
ingest_gate::replay(std::optional<std::uint64_t> from,
                    const std::function<void(std::span<const analytics::event>)>& use) {
  replay_report report;
  if (parts_.journal == nullptr)
    return report;
  std::lock_guard lock{mutex_};
  auto start = from ? *from : last_checkpoint();
  ingest_record record;
  auto take_record = [&](const storage::journal_record& x) {
    if (x.kind == checkpoint_record_kind)
      return;
    // Also what nobody can read: only a checkpoint lets the journal go on without it.
    if (x.number >= start)
      ++payloads_;
    if (x.kind != ingest_record_kind || !decode(x.payload, record)) {
      ++report.unreadable;
      return;
    }
    learn_names(record);
    remember(record);
    if (x.number < start)
      return;
    report.homeless += translate(record);
    report.events += record.events.size();
    replay_one(record);
    use(record.events);
  };
  auto done = parts_.journal->replay(parts_.journal->first_number(), take_record);
  journaled_ = {};
  if (!done)
    return unexpected(done.error().message);
  report.journal = *done;
  return report;
}

} // namespace weir::actors
