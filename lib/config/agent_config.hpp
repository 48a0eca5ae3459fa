#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/log.hpp"
#include "config/address.hpp"
#include "config/connection_config.hpp"
#include "config/exclude.hpp"
#include "config/parsed.hpp"
#include "config/rate.hpp"
#include "config/schedule.hpp"
#include "config/schema.hpp"
#include "config/value.hpp"

namespace farkeep {

enum class Compression : std::uint8_t { automatic, fast, best, off };

/// `[job NAME]`: a named set of sources with a schedule.
struct JobConfig {
  std::string name;
  int line = 0;  ///< of its section: for messages about the job
  bool enabled = true;
  std::vector<std::string> paths;    ///< absolute, at least one, none twice
  std::vector<ExcludeLine> exclude;  ///< valid rules; they follow those of exclude_file, so they have the last word
  std::string exclude_file;          ///< absolute path, or empty; reading it is the agent's
  bool one_file_system = false;
  bool exclude_caches = false;      ///< leave out what lies beside a CACHEDIR.TAG
  std::vector<Schedule> schedules;  ///< due when any of them is; none: only on request
  std::optional<NamedTimeZone> time_zone;  ///< of schedules and windows; nothing: the machine's
  std::chrono::seconds jitter{0};   ///< each start is later by up to so much, always the same on one machine
  bool catch_up = true;             ///< a start that was missed is made up for
  std::vector<WeeklySpan> windows;  ///< runs only within one of them; none: at any time
  std::chrono::seconds retry_for{0};  ///< how long a failing run is tried again
  Compression compression = Compression::automatic;
  std::vector<std::string> tags;
};

/// All that the agent's INI file says, defaults filled in (config/agent.ini shows them).
struct AgentConfig {
  // [agent]
  std::string state;               ///< absolute path of the agent's own folder
  std::string name;                ///< empty: the machine's host name
  unsigned upload_threads = 0;     ///< 0: one for each core
  LogLevel log_level = LogLevel::info;
  LogFormat log_format = LogFormat::text;

  // [registration]
  std::vector<ServerAddress> servers;  ///< one or two, different: primary, alternate
  std::string ca_file;                 ///< absolute path; the only authority that the agent trusts
  SecretSource token;                  ///< kind none: registered already, or to be given by hand

  // [limits]
  std::vector<RateRule> upload, download;

  ConnectionConfig connection;  // [connection], [socks], [mapped], [http]

  std::vector<JobConfig> jobs;  ///< in the order of the file; names are unique

  /// Pure: no file is opened, no host name asked for.  Every mistake in the file is reported at once.
  static Parsed<AgentConfig> parse(std::string_view text, std::string file);
  static const Schema& schema();
};

}  // namespace farkeep
