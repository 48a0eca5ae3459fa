#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace farkeep {

/// Names are bytes, and text in JSON is UTF-8: `key` holds the path as it is where it is that, else as lists show it (base/shown_path.hpp), and `<key>_hex` its bytes.
void put_path(boost::json::object& to, std::string_view key, std::string_view path);
/// The same for several, under `key`; `<key>_hex` has as many, when any of them needs it.
void put_paths(boost::json::object& to, std::string_view key, const std::vector<std::string>& paths);

}  // namespace farkeep
