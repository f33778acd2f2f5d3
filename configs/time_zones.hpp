// Time zones by name, from the machine's tz database (/usr/share/zoneinfo).
#pragma once

#include "analytics/expected.hpp"
#include "analytics/time_zone.hpp"

#include <memory>
#include <string>
#include <vector>

namespace weir::configs {

/// "Europe/Berlin" with all its changes from 1970 to 2100 (announced laws are taken to
/// stay as they are). "UTC" needs no database. The error of an unknown name has the
/// nearest known ones. May read files: for start-up, not for the way of an event.
expected<std::shared_ptr<const analytics::time_zone>, std::string>
load_time_zone(const std::string& name);

/// All names that load_time_zone() takes, sorted; only "UTC" where there is no
/// database. The name "localtime" is none: two machines would cut windows differently.
std::vector<std::string> time_zone_names();

} // namespace weir::configs
