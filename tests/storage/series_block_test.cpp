// Blocks of samples and summaries: lossless, small, and an error for whatever else.
#include "storage/series_block.hpp"

#include "storage/big_endian.hpp"
#include "storage/crc32c.hpp"
#include "tests/storage/series_made.hpp"
#include "tests/support/hex.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <limits>
#include <string>
#include <vector>

using namespace weir::storage;
using namespace weir::test;
using weir::analytics::summary;

namespace {

std::string encoded(const sample_columns& xs) {
  return encode_block(xs.time_ns, xs.value);
}

/// The bytes for each sample, of a block that gives back what was put in.
double bytes_per_sample(const sample_columns& xs) {
  auto block = encoded(xs);
  sample_columns back;
  REQUIRE(decode_block(block, back));
  CHECK(back.time_ns == xs.time_ns);
  CHECK(same_bits(back.value, xs.value));
  return static_cast<double>(block.size()) / static_cast<double>(xs.size());
}

double bytes_per_summary(const std::vector<summary>& xs) {
  auto block = encode_block(xs);
  std::vector<summary> back;
  REQUIRE(decode_block(block, back));
  CHECK(same_bits(back, xs));
  return static_cast<double>(block.size()) / static_cast<double>(xs.size());
}

summary random_summary(made_noise& random) {
  auto real = [&] { return std::bit_cast<double>(random.bits()); };
  auto time = [&] { return static_cast<std::int64_t>(random.bits()); };
  summary x;
  x.start_ns = time();
  x.width_ns = time();
  x.count = random.bits();
  x.sum = real();
  x.min = real();
  x.max = real();
  x.mean = real();
  x.m2 = real();
  x.first = real();
  x.last = real();
  x.first_ns = time();
  x.last_ns = time();
  x.late_count = static_cast<std::uint32_t>(random.bits());
  x.revision = static_cast<std::uint32_t>(random.bits());
  x.early = random.below(2) == 1;
  x.correction = random.below(2) == 1;
  x.extended = std::string(random.below(50), static_cast<char>(random.below(256)));
  return x;
}

/// With the checksum that these bytes should have.
std::string sealed(std::string block) {
  store_be(block.data() + 4, crc32c(std::string_view{block}.substr(8),
                                    crc32c(std::string_view{block}.substr(0, 4))));
  return block;
}

errc outcome(std::string_view block) {
  sample_columns samples;
  std::vector<summary> summaries;
  auto first = decode_block(block, samples);
  auto second = decode_block(block, summaries);
  if (first || second)
    return errc{};
  CHECK(samples.size() == 0);
  CHECK(summaries.empty());
  CHECK(first.error().code == second.error().code);
  return first.error().code;
}

} // namespace

TEST_CASE("a block of no and of one sample comes back", "[series_block]") {
  sample_columns xs;
  sample_columns back;
  back.time_ns.push_back(1);
  back.value.push_back(1);
  REQUIRE(decode_block(encoded(xs), back));
  CHECK(back.size() == 0);
  CHECK(encoded(xs).size() == 8);
  CHECK(bytes_per_sample({{1'700'000'000'000'000'000}, {21.5}}) <= 32);
  CHECK(bytes_per_sample({{INT64_MIN}, {-0.0}}) <= 32);
}

TEST_CASE("times may be equal, descend and jump over all of time", "[series_block]") {
  made_noise random{1};
  sample_columns xs{{5, 5, 5, 4, 3, INT64_MAX, INT64_MIN, INT64_MAX, 0, 0},
                    {1, 2, 3, 4, 5, 6, 7, 8, 9, 10}};
  bytes_per_sample(xs);
  for (int i = 0; i < 1000; ++i) {
    xs.time_ns.push_back(static_cast<std::int64_t>(random.bits()));
    xs.value.push_back(i);
  }
  bytes_per_sample(xs);
  std::reverse(xs.time_ns.begin(), xs.time_ns.end());
  bytes_per_sample(xs);
}

TEST_CASE("blocks of all sizes come back", "[series_block]") {
  auto xs = made_samples(1200, 100, 0.05, 2);
  for (std::size_t size = 1; size < xs.size(); size += size < 70 ? 1 : 97)
    bytes_per_sample(
      {{xs.time_ns.begin(), xs.time_ns.begin() + static_cast<std::ptrdiff_t>(size)},
       {xs.value.begin(), xs.value.begin() + static_cast<std::ptrdiff_t>(size)}});
  bytes_per_sample(made_samples(block_records_max, 100, 0.05, 2));
}

TEST_CASE("samples of sensors stay below two bytes", "[series_block]") {
  // The bounds are what was reached and a few hundredths: a worse codec fails.
  CHECK(bytes_per_sample(made_samples(1000, 10, 0.05, 3)) < 0.30);
  CHECK(bytes_per_sample(made_samples(1000, 100, 0.05, 3)) < 0.68);
  CHECK(bytes_per_sample(made_samples(1000, 1000, 0.05, 3)) < 1.10);
  CHECK(bytes_per_sample(made_samples(120, 100, 0.05, 3)) < 0.90);
  auto xs = made_samples(1000, 100, 0.05, 3);
  made_noise random{4};
  for (auto& time_ns : xs.time_ns) // Late by up to 20 ms, in milliseconds.
    time_ns += random.below(20) * 1'000'000;
  CHECK(bytes_per_sample(xs) < 1.45);
}

TEST_CASE("a series that does not change costs nearly nothing", "[series_block]") {
  CHECK(bytes_per_sample(made_samples(1000, 0.01, 0, 1)) * 1000 <= 44);
}

TEST_CASE("no and one summary come back", "[series_block]") {
  std::vector<summary> back(3);
  REQUIRE(decode_block(encode_block(std::vector<summary>{}), back));
  CHECK(back.empty());
  auto xs = made_summaries(made_samples(10, 100, 0.05, 1), 10);
  CHECK(bytes_per_summary(xs) <= 120);
}

TEST_CASE("summaries of any numbers come back", "[series_block]") {
  made_noise random{5};
  for (std::size_t count : {1, 2, 31, 32, 33, 200}) {
    std::vector<summary> xs;
    for (std::size_t i = 0; i < count; ++i)
      xs.push_back(random_summary(random));
    bytes_per_summary(xs);
    // Plain ones among them, and the other way round.
    auto plain = made_summaries(made_samples(10 * count, 100, 0.05, 6), 10);
    xs[0] = plain[0];
    bytes_per_summary(xs);
    plain.back() = random_summary(random);
    plain.front() = random_summary(random);
    bytes_per_summary(plain);
  }
}

TEST_CASE("summaries with special doubles come back", "[series_block]") {
  auto xs = made_summaries(made_samples(3000, 100, 0.05, 7), 10);
  using limits = std::numeric_limits<double>;
  const std::vector<double> special{limits::quiet_NaN(),  limits::infinity(), -0.0,
                                    limits::denorm_min(), limits::max(),      1e17};
  double summary::*const fields[]{&summary::sum,  &summary::min, &summary::max,
                                  &summary::mean, &summary::m2,  &summary::first,
                                  &summary::last};
  std::size_t at = 0;
  for (auto value : special)
    for (auto field : fields)
      xs[++at].*field = value;
  xs[70].count = 0;
  xs[71].count = UINT64_MAX;
  xs[72].count = std::uint64_t{1} << 31;
  xs[73].sum = limits::infinity();
  xs[73].mean = -limits::infinity();
  bytes_per_summary(xs);
}

TEST_CASE("summaries of sensors stay below twelve bytes", "[series_block]") {
  auto size = [](double per_unit, std::uint32_t seed) {
    return bytes_per_summary(
      made_summaries(made_samples(3400, per_unit, 0.05, seed), 10));
  };
  CHECK(size(10, 8) < 4.2);
  CHECK(size(100, 8) < 6.5);
  CHECK(size(1000, 8) < 9.5);
}

TEST_CASE("windows of one event cost little more than their sample", "[series_block]") {
  auto samples = made_samples(1000, 100, 0.05, 9);
  CHECK(bytes_per_summary(made_summaries(samples, 1))
        < bytes_per_sample(samples) + 0.25);
}

TEST_CASE("as many records are taken as fill a page", "[series_block]") {
  for (double per_unit : {10, 1000, 0}) {
    auto xs = made_samples(20'000, per_unit, 0.05, 13);
    auto fitted = encode_fitting(xs.time_ns, xs.value);
    CHECK(fitted.bytes.size() <= block_bytes_best);
    CHECK(fitted.bytes.size() > block_bytes_best * 19 / 20);
    sample_columns back;
    REQUIRE(decode_block(fitted.bytes, back));
    CHECK(back.size() == fitted.records);
    auto summaries = made_summaries(xs, 10);
    fitted = encode_fitting(summaries, 2000);
    CHECK(fitted.bytes.size() <= 2000);
    CHECK(fitted.bytes.size() > 1850);
    CHECK(inspect_block(fitted.bytes)->records == fitted.records);
  }
}

TEST_CASE("what fits as a whole is taken as a whole, and one record always",
          "[series_block]") {
  auto xs = made_samples(100, 100, 0.05, 14);
  CHECK(encode_fitting(xs.time_ns, xs.value).records == 100);
  CHECK(encode_fitting(xs.time_ns, xs.value, 0).records == 1);
  CHECK(encode_fitting(std::span<const summary>{}).records == 0);
  std::vector<summary> large(3);
  made_noise random{15};
  for (auto& x : large)
    for (int i = 0; i < 5000; ++i)
      x.extended += static_cast<char>(random.below(256));
  auto fitted = encode_fitting(large);
  CHECK(fitted.records == 1);
  CHECK(fitted.bytes.size() > 5000);
}

TEST_CASE("any changed or missing byte makes a block malformed", "[series_block]") {
  for (const auto& block :
       {encoded(made_samples(200, 100, 0.05, 10)),
        encode_block(made_summaries(made_samples(200, 100, 0.05, 10), 10))}) {
    for (std::size_t i = 0; i < block.size(); ++i) {
      auto changed = block;
      changed[i] = static_cast<char>(changed[i] ^ 0x10);
      CAPTURE(i);
      CHECK(outcome(changed) == (i == 0 ? errc::unsupported : errc::malformed));
      CHECK(outcome(block.substr(0, i)) == errc::malformed);
    }
    CHECK(outcome(block + '\0') == errc::malformed);
    CHECK(outcome(sealed(block + '\0')) == errc::malformed);
  }
}

TEST_CASE("bytes under a right checksum end in records or an error", "[series_block]") {
  made_noise random{11};
  std::size_t errors = 0;
  std::size_t decoded = 0;
  for (const auto& block :
       {encoded(made_samples(200, 100, 0.05, 10)),
        encode_block(made_summaries(made_samples(200, 0, 0.05, 10), 10)),
        encode_block(made_summaries(made_samples(200, 100, 0.05, 10), 10))})
    for (int i = 0; i < 3000; ++i) {
      auto changed = block;
      for (auto n = 1 + random.below(4); n > 0; --n)
        changed[1 + random.below(static_cast<std::uint32_t>(changed.size()) - 1)]
          = static_cast<char>(random.below(256));
      ++(outcome(sealed(changed)) == errc{} ? decoded : errors);
    }
  CHECK(errors > 1000);
  CHECK(decoded > 1000);
}

TEST_CASE("a block of another kind or of a newer version is refused",
          "[series_block]") {
  auto block = encoded(made_samples(20, 100, 0.05, 12));
  auto facts = inspect_block(block);
  REQUIRE(facts);
  CHECK(facts->kind == block_kind::samples);
  CHECK(facts->records == 20);
  std::vector<summary> summaries;
  auto result = decode_block(block, summaries);
  REQUIRE_FALSE(result);
  CHECK(result.error().code == errc::malformed);
  block[1] = 9;
  CHECK(outcome(sealed(block)) == errc::malformed);
  block[0] = 2;
  CHECK(outcome(block) == errc::unsupported);
  CHECK(inspect_block(block).error().code == errc::unsupported);
  block[0] = 0;
  CHECK(outcome(sealed(block)) == errc::malformed);
}

// -- bytes that were written once ----------------------------------------------
// Whatever a later encoder writes: these must be read as long as version 1 is.

namespace {

sample_columns first_samples() {
  sample_columns xs;
  made_noise random{1};
  for (std::int64_t i = 0; i < 40; ++i) {
    xs.time_ns.push_back(made_start_ns + i * made_second_ns + (i == 20 ? 7 : 0));
    xs.value.push_back((2000 + static_cast<int>(random.below(64))) / 100.0);
  }
  xs.value[5] = -0.0;
  xs.value[9] = std::bit_cast<double>(0x7ff8'0000'0000'0001);
  return xs;
}

std::vector<summary> first_summaries() {
  auto samples = first_samples();
  samples.value[5] = samples.value[9] = 20.5;
  auto xs = made_summaries(samples, 5);
  xs[1].extended = std::string(40, 'e');
  xs[2].extended = "12345678";
  xs[3].late_count = 3;
  xs[4].revision = 2;
  xs[5].correction = true;
  xs[6].m2 = 0.125;
  xs[7].early = true;
  return xs;
}

} // namespace

TEST_CASE("the example of the format's description is read", "[series_block]") {
  sample_columns xs;
  REQUIRE(
    decode_block(from_hex("010100032ac841b7021401902f502968124083192e640212"), xs));
  CHECK(xs.time_ns == std::vector<std::int64_t>{0, 10'000'000'000, 20'000'000'000});
  CHECK(xs.value == std::vector<double>{21.5, 21.25, 21.75});
}

TEST_CASE("samples of version 1 are read", "[series_block]") {
  sample_columns xs;
  REQUIRE(decode_block(
    from_hex("0101002897b76ca7f2010050b1f1e7bcbc08f9ffffff0050d6dc01000000e0cffff70f00"
             "0000400260383fc57858d51ffcffff339abfdb78afb7553f7eba4067ea792c55f7744671"
             "71b60ac0e8e8014f44000882f0ffffffb399999999993dfc0300000000"),
    xs));
  auto expected = first_samples();
  CHECK(xs.time_ns == expected.time_ns);
  CHECK(same_bits(xs.value, expected.value));
}

TEST_CASE("summaries of version 1 are read", "[series_block]") {
  std::vector<summary> xs;
  REQUIRE(decode_block(
    from_hex("01020008288100b9f2010050b1f1e7bcbc10e1ffff5f0440be402540be658808807c814a"
             "0040080a004800008020040065cdfde0021009ace10131005955a7819e48000d0248b104"
             "6fa23002420262c03e445099c02e7f9088010716009408084d51832b762753160002288d"
             "040000504402030a92e8a91a01c8566f480082835411e8830cc9faffffbf3ac7116bf129"
             "8001050b201850a000840104c16440020afa020128b52ffd203085000050656531323334"
             "3536373801001f8005"),
    xs));
  CHECK(same_bits(xs, first_summaries()));
}
