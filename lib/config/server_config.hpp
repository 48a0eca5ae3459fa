#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/log.hpp"
#include "config/address.hpp"
#include "config/merged_ini.hpp"
#include "config/notify_config.hpp"
#include "config/parsed.hpp"
#include "config/schema.hpp"

namespace farkeep {

/// All that the server's INI files say, defaults filled in (config/server.ini shows them).
struct ServerConfig {
  // [server]
  std::string data;                   ///< absolute path of the server's own folder
  std::vector<ServerAddress> listen;  ///< at least one, none twice
  std::string name;                   ///< empty: the machine's host name
  unsigned max_connections = 0;
  LogLevel log_level = LogLevel::info;
  LogFormat log_format = LogFormat::text;
  std::optional<ServerAddress> metrics_listen;  ///< in the clear

  // [partner]
  std::optional<ServerAddress> partner;     ///< none: this data centre has no mirror
  std::chrono::seconds mirror_interval{0};  ///< between two looks for what the partner lacks
  std::chrono::seconds mirror_backoff{0};   ///< the longest wait after failures, to which waits double

  // [limits]
  std::optional<std::uint64_t> agent_quota;  ///< bytes stored for one agent; none: no limit

  NotifyConfig notify;  ///< only ever of problems, and of their end

  // [storage]
  std::uint64_t segment_size = 0;  ///< bytes

  /// Pure: no file is opened, no host name asked for.  Every mistake in the files is reported at once.
  static Parsed<ServerConfig> parse(MergedIni files);
  /// The same of one text; there is no other file that it could include.
  static Parsed<ServerConfig> parse(std::string_view text, std::string file);
  static const Schema& schema();
};

}  // namespace farkeep
