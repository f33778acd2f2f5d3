#include "tests/bench/sealing_bench.hpp"

#include "storage/key_ring.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <sodium.h>
#include <string>
#include <vector>

namespace weir::bench {

namespace {

using clock = std::chrono::steady_clock;

constexpr std::size_t values = 2'000;
constexpr int rounds = 9; ///< The first warms up.

/// Median of the rounds of `each(i)` over all values, in bytes per microsecond.
double mb_per_s(std::size_t value_bytes, const std::function<void(std::size_t)>& each) {
  std::vector<double> rates;
  for (int round = 0; round < rounds; ++round) {
    auto start = clock::now();
    for (std::size_t i = 0; i < values; ++i)
      each(i);
    auto seconds = std::chrono::duration<double>(clock::now() - start).count();
    if (round > 0)
      rates.push_back(static_cast<double>(values * value_bytes) / 1e6 / seconds);
  }
  std::nth_element(rates.begin(), rates.begin() + rounds / 2, rates.end());
  return rates[rounds / 2];
}

struct bench_data {
  explicit bench_data(std::size_t value_bytes) {
    for (auto& x : plain) {
      x.resize(value_bytes);
      storage::fill_random({reinterpret_cast<unsigned char*>(x.data()), x.size()});
    }
  }

  storage::sealer seals = storage::key_ring::create(1, 1).make_sealer();
  std::vector<std::string> plain = std::vector<std::string>(values);
  std::vector<std::string> sealed = std::vector<std::string>(values);
  std::string out;
};

storage::place place_of(std::size_t i) {
  std::array<char, 16> key{};
  std::memcpy(key.data(), &i, sizeof(i));
  return {"blocks", {key.data(), key.size()}, 1};
}

void fail(const char* message) {
  std::fprintf(stderr, "%s\n", message);
  std::exit(1);
}

/// libsodium's call alone: one value again and again, its nonce and place ready.
struct raw_rates {
  double seal = 0;
  double open = 0;
};

raw_rates measure_raw(const bench_data& data, std::size_t value_bytes) {
  std::array<unsigned char, crypto_aead_xchacha20poly1305_ietf_KEYBYTES> key{};
  std::array<unsigned char, crypto_aead_xchacha20poly1305_ietf_NPUBBYTES> nonce{};
  std::array<unsigned char, 25> place{};
  std::vector<unsigned char> box(value_bytes
                                 + crypto_aead_xchacha20poly1305_ietf_ABYTES);
  std::vector<unsigned char> back(value_bytes);
  const auto* plain = reinterpret_cast<const unsigned char*>(data.plain[0].data());
  raw_rates result;
  result.seal = mb_per_s(value_bytes, [&](std::size_t) {
    crypto_aead_xchacha20poly1305_ietf_encrypt(box.data(), nullptr, plain, value_bytes,
                                               place.data(), place.size(), nullptr,
                                               nonce.data(), key.data());
  });
  result.open = mb_per_s(value_bytes, [&](std::size_t) {
    if (crypto_aead_xchacha20poly1305_ietf_decrypt(
          back.data(), nullptr, nullptr, box.data(), box.size(), place.data(),
          place.size(), nonce.data(), key.data())
        != 0)
      fail("libsodium does not open what it sealed");
  });
  return result;
}

double measure_hash(const bench_data& data) {
  const std::string name = "temperature{source=\"device-0001\",line=\"7\"}";
  unsigned sum = 0;
  auto rate = mb_per_s(1, [&](std::size_t) { sum += data.seals.hash_name(name)[0]; });
  if (sum == 0)
    fail("a hash of zeroes");
  return rate * 1e6;
}

} // namespace

int run_sealing_bench(int argc, char** argv) {
  auto value_bytes
    = argc > 0 ? static_cast<std::size_t>(std::atoll(argv[0])) : std::size_t{4'000};
  if (value_bytes < 1 || value_bytes > 1'000'000) {
    std::fprintf(stderr, "VALUE_BYTES is 1 to 1000000\n");
    return 2;
  }
  bench_data data{value_bytes};
  auto seal = mb_per_s(value_bytes, [&](std::size_t i) {
    data.sealed[i].clear();
    data.seals.seal(place_of(i), data.plain[i], data.sealed[i]);
  });
  auto open = mb_per_s(value_bytes, [&](std::size_t i) {
    data.out.clear();
    if (!data.seals.open(place_of(i), data.sealed[i], data.out))
      fail("a value does not open");
  });
  if (data.out != data.plain.back())
    fail("a value comes back as another one");
  auto raw = measure_raw(data, value_bytes);
  std::vector<std::string> copies = data.sealed;
  auto copy = mb_per_s(value_bytes, [&](std::size_t i) {
    std::memcpy(copies[i].data(), data.plain[i].data(), value_bytes);
  });
  auto hashes = measure_hash(data);
  std::printf("%zu values of %zu bytes, one core\n"
              "           seal MB/s   open MB/s\n"
              "sealer     %9.0f   %9.0f\n"
              "libsodium  %9.0f   %9.0f\n"
              "memcpy     %9.0f\n",
              values, value_bytes, seal, open, raw.seal, raw.open, copy);
  std::printf("{\"bench\":\"sealing\",\"value_bytes\":%zu,\"overhead_bytes\":%zu,"
              "\"seal_mb_per_s\":%.0f,\"open_mb_per_s\":%.0f,"
              "\"raw_seal_mb_per_s\":%.0f,\"raw_open_mb_per_s\":%.0f,"
              "\"memcpy_mb_per_s\":%.0f,\"hashes_per_s\":%.0f}\n",
              value_bytes, storage::sealer::overhead_bytes, seal, open, raw.seal,
              raw.open, copy, hashes);
  return 0;
}

} // namespace weir::bench
