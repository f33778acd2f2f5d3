// Takes fields out of an MQTT topic by a template such as
// "plant/{source}/{metric}": {metric} and {source} fill the event's own fields,
// any other name becomes a dimension, "+" skips one level, a last "#" skips the
// rest.
#pragma once

#include "analytics/series.hpp"
#include "transport/errors.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace weir::transport {

struct topic_fields {
  std::string_view metric;
  std::string_view source;
  std::vector<analytics::dimension> dimensions; ///< Reused; borrowed from the topic.
};

class topic_template {
public:
  static expected<topic_template, error> parse(std::string_view text);

  /// Fills `fields` (cleared first); false if the topic does not fit or is not
  /// UTF-8. `fields` borrows from the topic and, for keys, from this template.
  bool match(std::string_view topic, topic_fields& fields) const;

  /// The MQTT filter that the template subscribes to, e.g. "plant/+/+".
  std::string filter() const;

private:
  struct level {
    enum class kind { literal, metric, source, dimension, any, rest } what;
    std::string text;
  };

  static expected<level, error> parse_level(std::string_view part);

  std::vector<level> levels_;
};

} // namespace weir::transport
