// Fields of an answer of weir-central as text, whatever they hold: what is not there, or
// of another kind, is empty.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include <string>

namespace weir::cli {

/// Null if there is none.
const nlohmann::json& at(const nlohmann::json& object, const char* name);

/// An empty list if there is none.
const nlohmann::json& list_at(const nlohmann::json& object, const char* name);

std::string number_text(double value);

/// Any scalar as text; of a list [[TEXT, WEIGHT]...] its parts.
std::string text_of(const nlohmann::json& value);

/// Milliseconds as a time in UTC.
std::string time_of(const nlohmann::json& value);

/// With a unit.
std::string bytes_of(const nlohmann::json& value);

/// "no WHAT".
std::string none(const char* what);

} // namespace weir::cli
