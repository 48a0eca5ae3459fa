#include "wire/quiet_parser.hpp"

#include <google/protobuf/stubs/logging.h>

namespace farkeep::wire {

void quiet_parser() noexcept { google::protobuf::SetLogHandler(nullptr); }

}  // namespace farkeep::wire
