#include "storage/sealing_rotation.hpp"

#include "storage/big_endian.hpp"
#include "storage/failpoint.hpp"

#include <algorithm>

namespace weir::storage {

namespace {

constexpr std::uint8_t rotation_version = 1;
constexpr std::size_t reported_max = 16;

error malformed(const std::string& what) {
  return {errc::malformed,
          "the progress of the key rotation " + what + ": begin the rotation anew"};
}

/// One visited value at a time; keeps its buffers.
class resealer {
public:
  resealer(rotation::table& table, const sealer& seals, const sealed_tables& store,
           batch_report& report)
    : table_(table), seals_(seals), store_(store), report_(report) {
  }

  /// What takes the value's place, if anything.
  const std::string* visit(std::string_view key, std::string_view value) {
    table_.last_key = key;
    ++table_.values;
    ++report_.values;
    if (sealer::key_id_of(value) == seals_.current_key_id())
      return nullptr;
    auto at = store_.place_of(table_.name, key);
    plain_.clear();
    if (auto opened = seals_.open(at, value, plain_); !opened) {
      count_unreadable(key, opened.error());
      return nullptr;
    }
    sealed_.clear();
    seals_.seal(at, plain_, sealed_);
    ++table_.resealed;
    ++report_.resealed;
    return &sealed_;
  }

private:
  void count_unreadable(std::string_view key, const error& why) {
    ++table_.unreadable;
    ++report_.unreadable;
    if (report_.first_unreadable.size() < reported_max)
      report_.first_unreadable.push_back({table_.name, std::string{key}, why});
  }

  rotation::table& table_;
  const sealer& seals_;
  const sealed_tables& store_;
  batch_report& report_;
  std::string plain_;
  std::string sealed_;
};

rotation anew(const rotation& before, std::uint32_t target_key_id) {
  std::vector<std::string> names;
  for (const auto& x : before.tables)
    names.push_back(x.name);
  return rotation::begin(target_key_id, names);
}

/// The pass has seen every table: it was the last one, or there is another.
void end_pass(rotation& progress) {
  if (progress.resealed_in_pass == 0) {
    progress.finished = true;
    return;
  }
  ++progress.pass;
  progress.resealed_in_pass = 0;
  for (auto& x : progress.tables) {
    x.last_key.clear();
    x.done = false;
    x.values = 0;
    x.unreadable = 0;
  }
}

std::uint64_t sum_of(const std::vector<rotation::table>& tables,
                     std::uint64_t rotation::table::*field) {
  std::uint64_t sum = 0;
  for (const auto& x : tables)
    sum += x.*field;
  return sum;
}

} // namespace

rotation rotation::begin(std::uint32_t target_key_id,
                         const std::vector<std::string>& table_names) {
  rotation result;
  result.target_key_id = target_key_id;
  for (const auto& x : table_names) {
    result.tables.emplace_back();
    result.tables.back().name = x;
  }
  return result;
}

std::uint64_t rotation::resealed() const {
  return sum_of(tables, &table::resealed);
}

std::uint64_t rotation::unreadable() const {
  return sum_of(tables, &table::unreadable);
}

std::string rotation::encode() const {
  std::string out{static_cast<char>(rotation_version)};
  put_be(out, target_key_id);
  put_be(out, pass);
  put_be(out, resealed_in_pass);
  put_be(out, static_cast<std::uint8_t>(finished));
  put_be(out, static_cast<std::uint16_t>(tables.size()));
  for (const auto& x : tables) {
    put_text(out, x.name);
    put_text(out, x.last_key);
    put_be(out, static_cast<std::uint8_t>(x.done));
    put_be(out, x.values);
    put_be(out, x.resealed);
    put_be(out, x.unreadable);
  }
  return out;
}

expected<rotation, error> rotation::decode(std::string_view bytes) {
  byte_reader in{bytes};
  auto version = in.take<std::uint8_t>();
  if (version > rotation_version)
    return unexpected(
      error{errc::unsupported, "the progress of the key rotation has version "
                                 + std::to_string(version)
                                 + "; this program knows versions up to 1: start the "
                                   "newer program again"});
  rotation result;
  result.target_key_id = in.take<std::uint32_t>();
  result.pass = in.take<std::uint32_t>();
  result.resealed_in_pass = in.take<std::uint64_t>();
  auto finished = in.take<std::uint8_t>();
  result.finished = finished == 1;
  auto count = in.take<std::uint16_t>();
  bool good = version == rotation_version && finished <= 1 && count <= tables_max;
  for (std::size_t i = 0; good && i < count; ++i) {
    auto& x = result.tables.emplace_back();
    x.name = in.take_text();
    x.last_key = in.take_text();
    auto done = in.take<std::uint8_t>();
    x.done = done == 1;
    x.values = in.take<std::uint64_t>();
    x.resealed = in.take<std::uint64_t>();
    x.unreadable = in.take<std::uint64_t>();
    good = in.ok() && done <= 1 && x.name.size() <= place::table_bytes_max
           && x.last_key.size() <= place::key_bytes_max;
  }
  if (!good || !in.complete())
    return unexpected(
      malformed("cannot be read (" + std::to_string(bytes.size()) + " bytes)"));
  return result;
}

batch_report reseal_batch(rotation& progress, const sealer& seals, sealed_tables& store,
                          std::size_t bytes_max) {
  batch_report report;
  auto next = progress.target_key_id == seals.current_key_id()
                ? progress
                : anew(progress, seals.current_key_id());
  if (next.finished)
    return report;
  auto table = std::find_if(next.tables.begin(), next.tables.end(),
                            [](const rotation::table& x) { return !x.done; });
  if (table != next.tables.end()) {
    resealer each{*table, seals, store, report};
    // A copy: the last key moves on while the store goes through the values.
    auto after = table->last_key;
    table->done = store.visit_after(table->name, after, bytes_max,
                                    [&](std::string_view key, std::string_view value) {
                                      return each.visit(key, value);
                                    });
  }
  next.resealed_in_pass += report.resealed;
  if (std::all_of(next.tables.begin(), next.tables.end(),
                  [](const rotation::table& x) { return x.done; }))
    end_pass(next);
  failpoint("rotation.batch.before");
  store.commit(next.encode());
  failpoint("rotation.batch.after");
  progress = std::move(next);
  return report;
}

std::size_t retire_old_keys(const rotation& progress, key_ring& ring,
                            bool despite_unreadable) {
  if (!progress.finished || progress.target_key_id != ring.current_key_id()
      || (progress.unreadable() > 0 && !despite_unreadable))
    return 0;
  std::vector<std::uint32_t> old;
  for (const auto& x : ring.keys())
    if (x.id != progress.target_key_id)
      old.push_back(x.id);
  for (auto id : old)
    static_cast<void>(ring.retire(id)); // Cannot fail: it is there, and not current.
  return old.size();
}

} // namespace weir::storage
