#include "transport/utf8.hpp"

#include <catch2/catch.hpp>

using namespace weir::transport;

namespace {

std::string quoted(std::string_view text, std::size_t bytes_max) {
  std::string out;
  append_quoted(out, text, bytes_max);
  return out;
}

} // namespace

TEST_CASE("UTF-8 of every length is recognised") {
  for (auto text : {"", "plain", "12345678", "ä", "12345678ä", "€", "😀",
                    "\xf4\x8f\xbf\xbf", "\xed\x9f\xbf", "\xee\x80\x80", "\x7f"})
    CHECK(is_utf8(text));
  CHECK(is_utf8(std::string_view("\0", 1)));
}

TEST_CASE("overlong, surrogate, cut and stray bytes are no UTF-8") {
  for (auto text :
       {"\x80", "\xc0\x80", "\xc1\xbf", "\xc3", "\xe2\x82", "\xe0\x9f\xbf",
        "\xed\xa0\x80", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80",
        "\xff", "1234567\xff", "12345678\xff", "\xe2\x28\xa1"})
    CHECK_FALSE(is_utf8(text));
}

TEST_CASE("UTF-8 is cut between characters") {
  CHECK(cut_utf8("abc", 3) == "abc");
  CHECK(cut_utf8("abc", 2) == "ab");
  CHECK(cut_utf8("aß", 2) == "a");
  CHECK(cut_utf8("😀", 3).empty());
}

TEST_CASE("quoted text is readable, whatever it was") {
  CHECK(quoted("abc", 10) == "\"abc\"");
  CHECK(quoted("a\nb\xff", 10) == "\"a?b?\"");
  CHECK(quoted("abcdef", 3) == "\"abc...\"");
  CHECK(quoted("abß", 3) == "\"ab...\"");
}
