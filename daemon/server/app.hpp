#pragma once

#include <optional>
#include <string>

#include "base/clock.hpp"
#include "config/server_config.hpp"
#include "crypto/random.hpp"
#include "output.hpp"
#include "platform/disk.hpp"
#include "vault/identity.hpp"
#include "vault/registry.hpp"

namespace farkeep::server {

inline constexpr const char* kDefaultConfig = "/etc/farkeep/server.ini";

struct Options {
  Options() = default;
  std::optional<std::string> config, data;  ///< as given
  bool json = false, quiet = false;
  int verbose = 0;
};

/// What every verb works with.  Commands read the data folder directly, beside a running server or without one; they act as the folder's
/// owner, so that what root writes the service can read.
class App {
 public:
  explicit App(Options options);

  const Options& options() const noexcept { return options_; }
  Output& out() noexcept { return output_; }
  /// The file given, else the usual one, with all that it includes, else all defaults.  Throws failure(configuration) after printing every mistake.
  const ServerConfig& config();
  /// All its files, read anew.
  MergedIni read_files();
  /// True when a configuration file was read.
  bool has_config();
  /// --data, else what the configuration says.  Throws failure(configuration) where others could put their files there.
  std::string data();
  /// The data folder of a server that exists; becomes its owner.
  const Identity& identity();
  /// Tells an identity that was loaded apart what the registry has of the root's word.
  void hear_root_word(Identity& identity);
  Registry& registry();
  Disk& disk() noexcept { return system_disk(); }
  const Clock& clock() const noexcept { return clock_; }
  Random& random() noexcept { return random_; }

 private:
  void read_config();

  Options options_;
  std::string data_;  // empty: not looked at yet
  Output output_;
  SystemClock clock_;
  SystemRandom random_;
  std::optional<ServerConfig> config_;
  bool config_read_ = false;
  std::optional<Identity> identity_;
  std::optional<Registry> registry_;
};

/// When root works in somebody else's folder, what it writes would be unreadable for the service: so it becomes that somebody.
void become_owner_of(const std::string& folder);

/// How the files of a data folder are called.
inline std::string store_folder(const std::string& data) { return data + "/store"; }
inline std::string run_lock(const std::string& data) { return data + "/run.lock"; }

/// The service holds this lock as long as it runs.
inline bool is_running(App& app) { return app.disk().exists(run_lock(app.data())) && !app.disk().lock(run_lock(app.data())); }

}  // namespace farkeep::server
