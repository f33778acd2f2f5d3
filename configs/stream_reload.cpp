#include "configs/stream_reload.hpp"

#include <algorithm>
#include <utility>

namespace weir::configs {

namespace {

const config_value* find(const config_value& tree, const std::string& key) {
  const auto& members = *std::get<std::shared_ptr<config_members>>(tree.data);
  auto pos = members.find(key);
  return pos == members.end() ? nullptr : &pos->second;
}

bool is_same(const config_value* a, const config_value* b) {
  if (a == nullptr || b == nullptr)
    return a == b;
  return is_same(*a, *b);
}

} // namespace

stream_reload::stream_reload(std::filesystem::path file, config_value tree,
                             stream_settings settings)
  : file_(std::move(file)), start_tree_(std::move(tree)),
    settings_(std::move(settings)) {
}

stream_news stream_reload::poll(bool reread_config) {
  stream_news news;
  if (reread_config)
    reread(news);
  if (!news.config)
    follow_tables(news);
  return news;
}

void stream_reload::reread(stream_news& news) {
  auto tree = parse_toml(file_);
  if (!tree) {
    news.errors.push_back(tree.error());
    return;
  }
  table_reader root{*tree, file_.string(), "", news.errors};
  auto settings
    = read_stream_settings(root, file_.parent_path(), file_.string(), news.errors);
  for (const auto& name : other_table_names())
    root.pass_over(name);
  root.finish();
  if (!news.errors.empty())
    return;
  settings_ = std::move(settings);
  news.config = settings_.config;
  compare_others(*tree, news);
}

/// Compared with the start, not with the last time: that is what the edge runs with.
void stream_reload::compare_others(const config_value& tree, stream_news& news) const {
  std::string names;
  for (const auto& name : other_table_names())
    if (!is_same(find(tree, name), find(start_tree_, name)))
      names += (names.empty() ? "[" : ", [") + name + "]";
  if (!names.empty())
    news.notes.push_back(file_.string() + ": " + names
                         + ": other settings than at the start; they take effect at "
                           "the next start");
}

void stream_reload::follow_tables(stream_news& news) {
  auto config = settings_.config;
  std::vector<std::string> changed;
  for (std::size_t i = 0; i < settings_.table_files.size(); ++i) {
    auto& file = settings_.table_files[i];
    auto polled = file.poll();
    if (!polled)
      news.errors.push_back(polled.error());
    else if (*polled != nullptr)
      changed.push_back("table \"" + config.tables[i].name
                        + "\": " + file.file().string() + " has "
                        + std::to_string((*polled)->rows()) + " rows now");
    // Also one that was good before, while another one was not.
    if (file.table() != nullptr)
      config.tables[i].table = file.table();
  }
  if (changed.empty())
    return;
  auto program = analytics::stream_program::compile(config);
  if (!program) {
    for (const auto& error : program.error())
      news.errors.push_back(file_.string()
                            + ", with a device table that has changed: " + error);
    return;
  }
  settings_.config = config;
  settings_.program = std::move(*program);
  news.config = std::move(config);
  news.notes = std::move(changed);
}

} // namespace weir::configs
