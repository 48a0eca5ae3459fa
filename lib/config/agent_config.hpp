#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/id.hpp"
#include "base/log.hpp"
#include "config/address.hpp"
#include "config/command_source.hpp"
#include "config/connection_config.hpp"
#include "config/exclude.hpp"
#include "config/merged_ini.hpp"
#include "config/notify_config.hpp"
#include "config/parsed.hpp"
#include "config/rate.hpp"
#include "config/schedule.hpp"
#include "config/schema.hpp"
#include "config/value.hpp"
#include "platform/process.hpp"

namespace farkeep {

enum class Compression : std::uint8_t { automatic, fast, best, off };

/// Command lines around a run; farkeep runs them one after the other with /bin/sh -c.
struct HookCommands {
  std::vector<std::string> before, after, after_failure, finally;
  std::chrono::seconds timeout{3600};  ///< of each
  bool empty() const noexcept { return before.empty() && after.empty() && after_failure.empty() && finally.empty(); }
};

/// `[job NAME]`: a named set of sources with a schedule.
struct JobConfig {
  std::string name;
  int line = 0;  ///< of its section: for messages about the job
  bool enabled = true;
  std::vector<std::string> paths;    ///< absolute, none twice
  std::vector<CommandSource> commands;  ///< all with names, none twice; at least one of these or of the paths
  std::vector<ExcludeLine> exclude;  ///< valid rules; they follow those of exclude_file, so they have the last word
  std::string exclude_file;          ///< absolute path, or empty; reading it is the agent's
  bool one_file_system = false;
  bool exclude_caches = false;      ///< leave out what lies beside a CACHEDIR.TAG
  std::optional<std::uint64_t> exclude_larger_than;  ///< bytes
  std::vector<std::string> exclude_if_present;       ///< names of what marks a folder
  std::string ignore_file;                           ///< name of files with rules for their folder; empty: none
  std::vector<Schedule> schedules;  ///< due when any of them is; none: only on request
  std::optional<NamedTimeZone> time_zone;  ///< of schedules and windows; nothing: the machine's
  std::chrono::seconds jitter{0};   ///< each start is later by up to so much, always the same on one machine
  bool catch_up = true;             ///< a start that was missed is made up for
  std::vector<WeeklySpan> windows;  ///< runs only within one of them; none: at any time
  std::chrono::seconds retry_for{0};  ///< how long a failing run is tried again
  std::optional<std::chrono::seconds> overdue_after = std::chrono::seconds{0};  ///< from a scheduled time without a snapshot on; nothing: never
  std::string ping;  ///< URL, or empty
  HookCommands hooks;
  Compression compression = Compression::automatic;
  std::vector<std::string> tags;
};

/// All that the agent's INI files say, defaults filled in (config/agent.ini shows them).
struct AgentConfig {
  Digest settings;                 ///< settings_digest() of all files

  // [agent]
  std::string state;               ///< absolute path of the agent's own folder
  std::string name;                ///< empty: the machine's host name
  unsigned upload_threads = 0;     ///< 0: one for each core
  LogLevel log_level = LogLevel::info;
  LogFormat log_format = LogFormat::text;
  std::string metrics_file;        ///< absolute path, or empty

  // [registration]
  std::vector<ServerAddress> servers;  ///< one or two, different: primary, alternate
  std::string ca_file;                 ///< absolute path; the only authority that the agent trusts
  SecretSource token;                  ///< kind none: registered already, or to be given by hand

  // [escrow]
  std::string escrow_key_file;  ///< absolute path of the organisation's public key, or empty

  // [deployment]
  struct Deployment {
    std::string bundle;    ///< from which farkeep-deploy's settings came
    std::string digest;    ///< hex of settings_digest() when they were deployed
    Digest settings;       ///< settings_digest() now
    bool operator==(const Deployment&) const = default;
    bool drifted() const { return digest != settings.hex(); }
  };
  std::optional<Deployment> deployment;  ///< nothing: written by hand

  // [limits]
  std::vector<RateRule> upload, download;
  std::optional<std::uint64_t> memory;   ///< bytes
  std::optional<int> niceness;           ///< 0 to 19
  std::optional<IoPriority> io_priority;

  NotifyConfig notify;

  ConnectionConfig connection;  // [connection], [socks], [mapped], [http]

  std::vector<JobConfig> jobs;  ///< in the order of the file; names are unique

  /// Pure: no file is opened, no host name asked for.  Every mistake in the files is reported at once.
  static Parsed<AgentConfig> parse(MergedIni files);
  /// The same of one text; there is no other file that it could include.
  static Parsed<AgentConfig> parse(std::string_view text, std::string file);
  static const Schema& schema();
};

}  // namespace farkeep
