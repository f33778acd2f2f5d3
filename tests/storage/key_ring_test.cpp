// The KEY RING: opens with its master key and for its store alone; keys come and go.
#include "storage/key_ring.hpp"

#include "storage/big_endian.hpp"
#include "storage/crc32c.hpp"

#include <catch2/catch.hpp>

#include <set>
#include <string>

using namespace weir::storage;

namespace {

constexpr std::uint64_t store_id = 0x1122334455667788;

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

struct ring_fixture {
  master_key master = master_key::random("file /etc/weir/store.key");
  key_ring ring = key_ring::create(store_id, 1'700'000'000);
  place here{"blocks", "key", 1};

  std::string sealed(const key_ring& with) const {
    std::string out;
    with.make_sealer().seal(here, "value", out);
    return out;
  }

  bool opens(const key_ring& with, const std::string& value) const {
    std::string out;
    return with.make_sealer().open(here, value, out) && out == "value";
  }

  error error_of(const std::string& bytes) const {
    auto opened = key_ring::open(bytes, master, store_id);
    REQUIRE_FALSE(opened);
    return opened.error();
  }
};

/// The checksum stands at the end and is not secret.
std::string with_checksum(std::string bytes) {
  bytes.resize(bytes.size() - 4);
  put_be(bytes, crc32c(bytes));
  return bytes;
}

} // namespace

TEST_CASE_METHOD(ring_fixture, "a ring comes back from its bytes", "[key_ring]") {
  auto value = sealed(ring);
  REQUIRE(ring.add_data_key(1'800'000'000) == 2u);
  auto newer_value = sealed(ring);
  auto bytes = ring.wrap(master);
  auto back = key_ring::open(bytes, master, store_id);
  REQUIRE(back);
  CHECK(opens(*back, value));
  CHECK(opens(*back, newer_value));
  CHECK(back->current_key_id() == 2);
  CHECK(back->store_id() == store_id);
  REQUIRE(back->keys().size() == 2);
  CHECK(back->keys()[0].made_unix_s == 1'700'000'000);
  CHECK(back->keys()[1].made_unix_s == 1'800'000'000);
  CHECK(back->make_sealer().hash_name("x") == ring.make_sealer().hash_name("x"));
}

TEST_CASE_METHOD(ring_fixture, "no key of a ring stands in its bytes", "[key_ring]") {
  auto bytes = ring.wrap(master);
  CHECK_FALSE(has(bytes, std::string{ring.keys()[0].key.bytes()}));
  CHECK_FALSE(has(bytes, std::string{master.key().bytes()}));
  CHECK(bytes != ring.wrap(master)); // A nonce of its own each time.
}

TEST_CASE_METHOD(ring_fixture, "another master key is refused by name", "[key_ring]") {
  auto bytes = ring.wrap(master);
  auto other = master_key::random("file /tmp/other.key");
  auto opened = key_ring::open(bytes, other, store_id);
  REQUIRE_FALSE(opened);
  CHECK(opened.error().code == errc::wrong_key);
  CHECK(has(opened.error().message, master.fingerprint()));
  CHECK(has(opened.error().message, other.fingerprint()));
  CHECK(has(opened.error().message, "file /tmp/other.key"));
  CHECK(key_ring::master_fingerprint_of(bytes) == master.fingerprint());
  CHECK(key_ring::master_fingerprint_of("short").empty());
}

TEST_CASE_METHOD(ring_fixture, "a change of any byte of a ring is seen", "[key_ring]") {
  auto bytes = ring.wrap(master);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    CAPTURE(i);
    auto changed = bytes;
    changed[i] = static_cast<char>(changed[i] ^ 0x21);
    CHECK(error_of(changed).code == (i == 0 ? errc::unsupported : errc::malformed));
    // Somebody who mends the checksum does not get further.
    if (i > 0 && i + 4 < bytes.size())
      CHECK_FALSE(key_ring::open(with_checksum(changed), master, store_id));
  }
}

TEST_CASE_METHOD(ring_fixture, "a ring that is cut or longer is refused",
                 "[key_ring]") {
  auto bytes = ring.wrap(master);
  for (std::size_t size = 0; size < bytes.size(); ++size)
    CHECK(error_of(bytes.substr(0, size)).code == errc::malformed);
  CHECK(error_of(bytes + "x").code == errc::malformed);
  CHECK(has(error_of(bytes.substr(0, 9)).message, "backup"));
}

TEST_CASE_METHOD(ring_fixture, "a ring opens for its own store alone", "[key_ring]") {
  auto opened = key_ring::open(ring.wrap(master), master, store_id + 1);
  REQUIRE_FALSE(opened);
  CHECK(opened.error().code == errc::malformed);
  CHECK(has(opened.error().message, "another store"));
  // Also if somebody writes the other number into it.
  auto moved = ring.wrap(master);
  store_be(moved.data() + 9, store_id + 1);
  CHECK_FALSE(key_ring::open(with_checksum(moved), master, store_id + 1));
}

TEST_CASE_METHOD(ring_fixture, "a newer ring is left to a newer program",
                 "[key_ring]") {
  auto bytes = ring.wrap(master);
  bytes[0] = 2;
  auto why = error_of(with_checksum(bytes));
  CHECK(why.code == errc::unsupported);
  CHECK(has(why.message, "version 2"));
}

TEST_CASE_METHOD(ring_fixture, "a change of the master key leaves values as they are",
                 "[key_ring]") {
  auto value = sealed(ring);
  auto next = master_key::random("next");
  auto bytes = rewrap(ring.wrap(master), master, next, store_id);
  REQUIRE(bytes);
  CHECK(error_of(*bytes).code == errc::wrong_key);
  auto opened = key_ring::open(*bytes, next, store_id);
  REQUIRE(opened);
  CHECK(opens(*opened, value));
  CHECK_FALSE(rewrap(*bytes, master, next, store_id));
}

TEST_CASE_METHOD(ring_fixture, "a retired key opens nothing, and its number is gone",
                 "[key_ring]") {
  auto value = sealed(ring);
  CHECK(ring.retire(1).error().code == errc::key_in_use);
  CHECK(ring.retire(2).error().code == errc::not_found);
  REQUIRE(ring.add_data_key(2) == 2u);
  REQUIRE(ring.retire(1));
  CHECK_FALSE(opens(ring, value));
  auto back = key_ring::open(ring.wrap(master), master, store_id);
  REQUIRE(back);
  CHECK(back->keys().size() == 1);
  CHECK(back->add_data_key(3) == 3u);
}

TEST_CASE_METHOD(ring_fixture, "data keys have a limit", "[key_ring]") {
  for (std::size_t i = 1; i < key_ring::data_keys_max; ++i)
    REQUIRE(ring.add_data_key(1));
  CHECK(ring.add_data_key(1).error().code == errc::keys_full);
  auto back = key_ring::open(ring.wrap(master), master, store_id);
  REQUIRE(back);
  CHECK(back->keys().size() == key_ring::data_keys_max);
  CHECK(back->current_key_id() == key_ring::data_keys_max);
}
