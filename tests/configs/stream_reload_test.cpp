// STREAM RELOAD: what changes while an edge runs.
#include "configs/stream_reload.hpp"

#include "tests/support/temp_dir.hpp"

#include <catch2/catch.hpp>

using namespace weir::configs;

namespace {

constexpr auto config_text = "[uplink]\nenabled = false\n"
                             "[[filter]]\nwhere = \"value < devices.limit\"\n"
                             "[[table]]\nname = \"devices\"\nfile = \"d.csv\"\n";

struct fixture {
  weir::test::temp_dir dir;

  fixture() {
    write("d.csv", "source,limit\na,80\n");
    write("edge.toml", config_text);
  }

  /// As a person who renames a new file over the old one.
  void write(const std::string& name, std::string_view text) {
    weir::test::write_file(dir / (name + ".new"), text);
    std::filesystem::rename(dir / (name + ".new"), dir / name);
  }

  stream_reload start() {
    auto file = dir / "edge.toml";
    auto tree = parse_toml(file);
    REQUIRE(tree);
    config_errors errors;
    table_reader root{*tree, file.string(), "", errors};
    auto settings = read_stream_settings(root, dir.path(), file.string(), errors);
    REQUIRE(errors.empty());
    return {file, *tree, std::move(settings)};
  }

  /// A change is taken by the second call that sees it.
  static stream_news poll_twice(stream_reload& uut) {
    CHECK(uut.poll(false).is_nothing());
    return uut.poll(false);
  }
};

} // namespace

TEST_CASE_METHOD(fixture, "without a change there is nothing to say", "[configs]") {
  auto uut = start();
  for (int i = 0; i < 3; ++i)
    CHECK(uut.poll(false).is_nothing());
}

TEST_CASE_METHOD(fixture, "a device table that changes is taken over", "[configs]") {
  auto uut = start();
  write("d.csv", "source,limit\na,80\nb,90\n");
  auto news = poll_twice(uut);
  REQUIRE(news.config);
  CHECK(news.config->tables.at(0).table->find("b"));
  REQUIRE(news.notes.size() == 1);
  CHECK(news.notes[0].find("d.csv has 2 rows now") != std::string::npos);
  CHECK(weir::analytics::stream_program::compile(*news.config));
  CHECK(uut.poll(false).is_nothing());
}

TEST_CASE_METHOD(fixture, "a table that is wrong is told once, and the old one holds",
                 "[configs]") {
  auto uut = start();
  write("d.csv", "source,limit\na\n");
  auto news = poll_twice(uut);
  CHECK_FALSE(news.config);
  REQUIRE(news.errors.size() == 1);
  CHECK(uut.poll(false).is_nothing());
  write("d.csv", "source,other\na,80\n"); // A column that the filter needs is gone.
  news = poll_twice(uut);
  CHECK_FALSE(news.config);
  REQUIRE(news.errors.size() == 1);
  CHECK(news.errors[0].find("there is no name `devices.limit`") != std::string::npos);
  CHECK(uut.poll(false).is_nothing());
  write("d.csv", "source,limit\na,70\n");
  CHECK(poll_twice(uut).config);
}

TEST_CASE_METHOD(fixture, "the config file is read again when asked", "[configs]") {
  auto uut = start();
  write("edge.toml", std::string{config_text} + "[[view]]\nname = \"v\"\n");
  CHECK(uut.poll(false).is_nothing());
  auto news = uut.poll(true);
  REQUIRE(news.config);
  CHECK(news.config->views.size() == 1);
  CHECK(news.notes.empty());
  CHECK(news.config->make_calendar("1 day"));
  // Tables are followed as before.
  write("d.csv", "source,limit\na,80\nb,90\n");
  CHECK(poll_twice(uut).config);
}

TEST_CASE_METHOD(fixture, "a config that is wrong changes nothing", "[configs]") {
  auto uut = start();
  write("edge.toml", "[window]\nwidth_ms = -1\n[[filter]]\n");
  auto news = uut.poll(true);
  CHECK_FALSE(news.config);
  CHECK(news.errors.size() == 2);
  write("edge.toml", "[window\n");
  CHECK(uut.poll(true).errors.size() == 1);
  CHECK(uut.poll(false).is_nothing());
  write("d.csv", "source,limit\na,80\nb,90\n");
  news = poll_twice(uut);
  REQUIRE(news.config);
  CHECK(news.config->filters.size() == 1);
}

TEST_CASE_METHOD(fixture, "what takes effect at the next start only is told",
                 "[configs]") {
  auto uut = start();
  auto tail
    = std::string{config_text}.substr(std::string{config_text}.find("[[filter"));
  write("edge.toml", "# Comments, order and lines do not matter.\n" + tail
                       + "[uplink]\nenabled = false\n");
  CHECK(uut.poll(true).notes.empty());
  write("edge.toml", "[uplink]\nenabled = true\n[node]\nname = \"x\"\n" + tail);
  for (int i = 0; i < 2; ++i) {
    auto news = uut.poll(true);
    CHECK(news.config);
    REQUIRE(news.notes.size() == 1);
    CHECK(news.notes[0].find("edge.toml: [node], [uplink]: other settings than at the "
                             "start; they take effect at the next start")
          != std::string::npos);
  }
}
