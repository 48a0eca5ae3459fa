#pragma once

#include <functional>
#include <string>

#include "base/log.hpp"
#include "common/config_files.hpp"

// A service's configuration: read where nobody looks at a terminal, and again while it runs.
namespace farkeep {

/// What the files say; mistakes and secrets that everybody may read are logged.  Throws wrong_config().
template <class Config>
Config config_for_service(MergedIni files) {
  for (auto const& warning : open_secrets(Config::schema(), files)) log_warning("{}", warning.to_string());
  return config_of<Config>(std::move(files), [](const std::string& mistake) { log_error("{}", mistake); });
}

/// One attempt to take a configuration over while the service runs (SIGHUP).  The service manager hears that it is read again and that this is over; what is
/// wrong is logged, and the old configuration stays: `attempt` throws failure before it changes anything.  Returns what was wrong; empty: it is taken over.
std::string take_over(const std::function<void()>& attempt);

}  // namespace farkeep
