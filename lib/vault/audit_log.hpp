#pragma once

#include <cstdint>
#include <string>

#include <boost/json/object.hpp>

#include "platform/disk.hpp"

namespace farkeep {

/// What operators did: a line of JSON for each act, in `<data>/audit.log`, for people and programs to read.
///
/// `act` gets the time in front of its fields.  Returns when the line is durable.
void audit(Disk& disk, const std::string& data, std::int64_t time_ns, boost::json::object act);

}  // namespace farkeep
